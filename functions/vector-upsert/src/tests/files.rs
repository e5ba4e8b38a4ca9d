//! Files made by hand, the smallest that show the point.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lopdf::{
    Dictionary, Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream,
};

/// A PDF with a page for every content stream, in Helvetica.
pub(super) fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> =
        (0..pages.len()).map(|index| format!("{} 0 R", 4 + 2 * index)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    for (index, content) in pages.iter().enumerate() {
        let stream = 5 + 2 * index;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {stream} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>"
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    with_trailer(&objects, "")
}

/// The first page of [`pdf`], under a lock whose key nobody has.
pub(super) fn locked_pdf() -> Vec<u8> {
    let secret = "00".repeat(32);
    let lock = format!(
        "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{secret}> /U <{secret}> /P -4 >> /ID [<01> <01>]"
    );
    let objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 0 >>"];
    with_trailer(&objects.map(ToOwned::to_owned), &lock)
}

fn with_trailer(objects: &[String], more: &str) -> Vec<u8> {
    let objects: Vec<Vec<u8>> = objects.iter().map(|object| object.clone().into_bytes()).collect();
    of_objects(&objects, more)
}

/// A PDF of these objects, the first of which is its catalogue.
pub(super) fn of_objects(objects: &[Vec<u8>], more: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = String::new();
    for (object, number) in objects.iter().zip(1..) {
        writeln!(offsets, "{:010} 00000 n ", file.len()).unwrap();
        file.extend([format!("{number} 0 obj\n").as_bytes(), object, b"\nendobj\n"].concat());
    }
    let (start, size) = (file.len(), objects.len() + 1);
    let table = format!("xref\n0 {size}\n0000000000 65535 f \n{offsets}");
    let trailer =
        format!("trailer\n<< /Size {size} /Root 1 0 R {more} >>\nstartxref\n{start}\n%%EOF\n");
    [file, table.into_bytes(), trailer.into_bytes()].concat()
}

/// Three hundred million spaces, deflated three times over.
const BOMB: &str = "eNqruPX2jq3em0SZtoeClxUkXVwWXrTSvuAxx23tArGlTuullaYVZG1ljWh49+ZBTYiYw+IAQfnN3P9/71q1/d9U/3t3nv+X\
    f6/vPl9vW93e3Pw7en0MDAwNjbt/lJvaf/96o+r/5voCFqAQz92Tn1JspFnj+s3rrdhBAve+vjt36k37gc9fct7IAAUMKl7r\
    81dv1n3w/ffdVwurgSIHHvwV5QEZJ3IQSDJkCII5YmBOBzJnVGawyky7/PTkoetiBnWz7XTX9jI8uL1Lcu7Z/zNqGIJ/P3kF\
    AKycnyA=";

/// The bomb as a stream's content, behind one to three filters.
pub(super) fn bomb(filters: usize) -> Stream {
    let mut content: Vec<u8> = STANDARD.decode(BOMB).unwrap();
    for _ in filters..3 {
        content = stream(&["FlateDecode"], content).decompressed_content().unwrap();
    }
    stream(&vec!["FlateDecode"; filters], content)
}

pub(super) fn stream(filters: &[&str], content: Vec<u8>) -> Stream {
    let filters: Vec<Object> =
        filters.iter().map(|name| Object::Name(name.as_bytes().to_vec())).collect();
    Stream::new(Dictionary::from_iter([("Filter", Object::Array(filters))]), content)
}

/// A stream as it stands in a file.
pub(super) fn written(stream: &Stream, more: &str) -> Vec<u8> {
    let filters = stream.filters().unwrap_or_default();
    let filters: Vec<String> =
        filters.iter().map(|name| format!("/{}", String::from_utf8_lossy(name))).collect();
    let head = format!(
        "<< /Length {} /Filter [{}] {more} >>\nstream\n",
        stream.content.len(),
        filters.join(" ")
    );
    [head.as_bytes(), &stream.content, b"\nendstream"].concat()
}

/// [`pdf`] under a lock that opens with the empty password: what may not be printed or changed can
/// be read.
pub(super) fn restricted(pages: &[&str]) -> Vec<u8> {
    let mut document = Document::load_mem(&pdf(pages)).unwrap();
    let id = Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", Object::Array(vec![id.clone(), id]));
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "",
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut file = Vec::new();
    document.save_to(&mut file).unwrap();
    file
}
