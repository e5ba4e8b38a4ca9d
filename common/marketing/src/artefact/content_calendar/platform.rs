//! Limits of platforms: text lengths and numbers of hashtags.

use super::ItemDraft;

/// Limits of one platform.
struct Platform {
    names: &'static [&'static str],
    max_chars: usize,
    max_hashtags: usize,
}

/// Platforms with known limits; other platforms have none here.
const PLATFORMS: [Platform; 4] = [
    Platform { names: &["x", "twitter"], max_chars: 280, max_hashtags: 2 },
    Platform { names: &["linkedin"], max_chars: 3000, max_hashtags: 5 },
    Platform { names: &["instagram"], max_chars: 2200, max_hashtags: 30 },
    Platform { names: &["tiktok"], max_chars: 2200, max_hashtags: 30 },
];
/// The longest title of a video on `YouTube`.
const MAX_YOUTUBE_TITLE: usize = 100;

/// The limit of the item's platform that the item exceeds.
pub(super) fn refusal(item: &ItemDraft) -> Option<String> {
    let channel = item.channel.to_lowercase();
    let is_on = |name: &str| channel.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
    if is_on("youtube") && item.topic.chars().count() > MAX_YOUTUBE_TITLE {
        return Some(format!(
            "the topic is too long for a title on YouTube; use {MAX_YOUTUBE_TITLE} characters"
        ));
    }
    let platform =
        PLATFORMS.iter().find(|platform| platform.names.iter().any(|name| is_on(name)))?;
    let (chars, hashtags) = (item.copy.chars().count(), item.copy.matches('#').count());
    if chars > platform.max_chars {
        return Some(format!(
            "{} takes {} characters; the copy has {chars}",
            item.channel, platform.max_chars
        ));
    }
    (hashtags > platform.max_hashtags).then(|| {
        format!(
            "the copy has {hashtags} hashtags; use at most {} on {}",
            platform.max_hashtags, item.channel
        )
    })
}
