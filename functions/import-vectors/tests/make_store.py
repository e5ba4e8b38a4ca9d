"""Made `store/`, `expected.jsonl` and `answers.jsonl` beside it with chromadb 1.5.9: python3 make_store.py

The collection `docs` has been written to its segment twice, and has changes behind that which are in the queue alone. A
Chroma that only reads never writes them to the segment, so the store stays as it is.
"""

import json
import pathlib
import random
import shutil
import subprocess
import sys

import chromadb

HERE = pathlib.Path(__file__).parent
STORE = HERE / "store"
shutil.rmtree(STORE, ignore_errors=True)
chooser = random.Random(5)


def vector(dimensions=1536):
    # Eighths: few different bits, so that the files compress well.
    return [chooser.randint(-8, 8) / 8 for _ in range(dimensions)]


client = chromadb.PersistentClient(path=str(STORE))
docs = client.create_collection(
    "docs", configuration={"hnsw": {"space": "cosine", "sync_threshold": 20, "batch_size": 10}}, embedding_function=None
)


def add(first, last):
    names = range(first, last)
    docs.add(
        ids=[f"d{n:02}" for n in names],
        embeddings=[vector() for _ in names],
        documents=[f"The text of number {n}." for n in names],
        metadatas=[{"number": n, "share": n / 4, "even": n % 2 == 0, "lang": "en"} for n in names],
    )


add(0, 24)
docs.delete(ids=["d03", "d07"])
docs.upsert(ids=["d03", "d09"], embeddings=[vector(), vector()], documents=["again", "replaced"])
add(24, 40)
# From here on nothing reaches the segment.
add(40, 45)
docs.add(ids=["d11"], embeddings=[vector()], documents=["ignored: it is there already"])
docs.update(ids=["d12"], metadatas=[{"lang": "de", "share": None}])
docs.update(ids=["d13", "d41"], embeddings=[vector(), vector()], documents=["moved", "moved too"])
docs.delete(ids=["d14", "d42"])
docs.upsert(ids=["d15", "d50"], embeddings=[vector(), vector()], metadatas=[{"lang": "fr"}, {"lang": "fr"}])

odd = client.create_collection("odd", embedding_function=None)
odd.add(ids=["small"], embeddings=[vector(384)], documents=["384 dimensions"], metadatas=[{"lang": "en"}])
odd.add(ids=["also small"], embeddings=[vector(384)], documents=["with a space in its id"])
odd.add(ids=["list"], embeddings=[vector(384)], documents=["a list"], metadatas=[{"tags": ["a", "b"]}])

everything = docs.get(include=["embeddings", "documents", "metadatas"])
with open(HERE / "expected.jsonl", "w") as file:
    rows = zip(everything["ids"], everything["embeddings"], everything["documents"], everything["metadatas"])
    for id, embedding, text, metadata in sorted(rows, key=lambda row: row[0]):
        head = [float(component) for component in embedding[:4]]
        length = float(sum(float(component) ** 2 for component in embedding) ** 0.5)
        row = {"id": id, "text": text, "metadata": metadata or {}, "head": head, "length": length}
        print(json.dumps(row), file=file)
with open(HERE / "answers.jsonl", "w") as file:
    subprocess.run([sys.executable, str(HERE.parent / "chroma_answers.py"), str(STORE), "docs", "12"], stdout=file, check=True)
