use proptest::prelude::*;

use super::cut::Part;
use super::*;

#[track_caller]
fn said(text: &str, parts: &[&str]) -> Asides {
    let reply = reply(text, 1000);
    assert_eq!(reply.parts, parts, "of {text:?}");
    reply.asides
}

#[track_caller]
fn cut(text: &str, limit: usize, expected: &[&str]) {
    assert_eq!(parts(text, limit), expected);
}

fn message(id: &str) -> Option<ReplyTo> {
    Some(ReplyTo::Message(id.to_owned()))
}

#[test]
fn thoughts_and_tags_are_left_out_but_not_of_code() {
    said("<think>hm\n\n```\ncode\n</think>Yes.", &["Yes."]);
    said("<THINKING>a</thinking> Yes. <think>b</think> Indeed.", &["Yes. Indeed."]);
    said("<final>Yes.</final>\n<reasoning>\nnever ends", &["Yes."]);
    said("<think>a</think>\n\n<think>b</think>\n\n  Yes\n", &["  Yes"]);
    said("stray</think> end", &["stray end"]);
    said(
        "Write `<think>` or ``a ` <think> b`` and `</final>`.",
        &["Write `<think>` or ``a ` <think> b`` and `</final>`."],
    );
    said("The <think> tag begins it.", &["The <think> tag begins it."]);
    said("a < b <thinker> <thin", &["a < b <thinker> <thin"]);
    said("```xml\n<think>\n</think>\n<final>\n```", &["```xml\n<think>\n</think>\n<final>\n```"]);
    said("<final>```\n<think>\n```</final>", &["```\n<think>\n```</final>\n```"]);
    said("not `code <think>x</think>", &["not `code"]);
}

#[test]
fn directives_are_told_and_left_out_but_not_of_code() {
    assert_eq!(said("[[reply_to_current]] Yes.", &["Yes."]).reply_to, Some(ReplyTo::Current));
    assert_eq!(said("Yes [[ reply_to : 42 ]] and no.", &["Yes and no."]).reply_to, message("42"));
    assert_eq!(said("a\n[[reply_to:1]]\n[[reply_to:x:2]]\nb", &["a\nb"]).reply_to, message("x:2"));
    for text in
        ["`[[reply_to_current]]`", "```\n[[reply_to:1]]\n```", "[[reply_to:]]", "[[reply_to]]", "[[other]]", "[[reply"]
    {
        assert_eq!(said(text, &[text]), Asides::default());
    }
    assert_eq!(said("[[[reply_to:1]]]", &["[]"]).reply_to, message("1"));
}

#[test]
fn lines_that_name_media_are_told_and_left_out_but_not_of_code() {
    let asides = said("See:\nMEDIA:/tmp/a b.png\n  MEDIA: `https://x.org/y.png`\nDone.", &["See:\nDone."]);
    assert_eq!(asides.media, ["/tmp/a b.png", "https://x.org/y.png"]);
    for text in ["```\nMEDIA:/etc/passwd\n```", "a MEDIA:/tmp/x", "MEDIA:", "media:/tmp/x"] {
        assert_eq!(said(text, &[text]), Asides::default());
    }
    let asides = said("MEDIA:/tmp/x.png", &[]);
    assert_eq!(asides.media, ["/tmp/x.png"]);
    assert_eq!(without_media("See:\nMEDIA:x.png\nDone."), ("See:\nDone.".to_owned(), vec!["x.png".to_owned()]));
    assert_eq!(media("a\n```\nMEDIA:b\n```\n<think>\nMEDIA:c\n</think>\nMEDIA:d\nMEDIA:e"), ["d", "e"]);
}

#[test]
fn nothing_to_say_is_not_sent() {
    said("NO_REPLY", &[]);
    said(" \n\n", &[]);
    said("", &[]);
    said("<think>x</think>\nNO_REPLY\n", &[]);
    assert_eq!(said("NO_REPLY [[reply_to:1]]", &[]).reply_to, message("1"));
    said("NO_REPLY needed", &["NO_REPLY needed"]);
    said("`NO_REPLY`", &["`NO_REPLY`"]);
    let mut blocks = Blocks::new(1, 100);
    assert_eq!(blocks.push("NO_REPLY\n\n\n"), [""; 0]);
    assert_eq!(blocks.finish().parts, [""; 0]);
    let mut blocks = Blocks::new(1, 100);
    assert_eq!(blocks.push("NO_REPLY\n\nis what I said\n\nonce"), ["NO_REPLY\n\nis what I said"]);
}

#[test]
fn a_text_is_cut_between_paragraphs_else_lines_else_sentences_else_words() {
    let word = "w".repeat(30);
    cut(&format!("{word} one\ntwo\n\n{word} three"), 64, &[&format!("{word} one\ntwo"), &format!("{word} three")]);
    cut(&format!("{word} one. a\n{word} two"), 64, &[&format!("{word} one. a"), &format!("{word} two")]);
    cut(&format!("{word} one. two {word}"), 64, &[&format!("{word} one."), &format!("two {word}")]);
    cut(&format!("{word} \"Is it?\" two {word}"), 64, &[&format!("{word} \"Is it?\""), &format!("two {word}")]);
    cut(&format!("{word} one two {word}"), 64, &[&format!("{word} one two"), &word]);
    cut(&format!("{word} 12. two {word}"), 64, &[&format!("{word} 12. two"), &word]);
    cut(&"x".repeat(130), 64, &[&"x".repeat(64), &"x".repeat(64), "xx"]);
    cut(&"句子完了。".repeat(20), 64, &[&"句子完了。".repeat(12), &"句子完了。".repeat(8)]);
    // It fits.
    cut(&"x".repeat(64), 64, &[&"x".repeat(64)]);
    cut(&"\u{1f600}".repeat(33), 64, &[&"\u{1f600}".repeat(32), "\u{1f600}"]);
    // A long address stays whole if it can.
    cut(&format!("see {}", "x".repeat(62)), 64, &["see", &"x".repeat(62)]);
    // No limit is so small that nothing fits.
    cut(&"x".repeat(70), 1, &[&"x".repeat(64), "xxxxxx"]);
}

#[test]
fn the_indentation_of_a_list_stays() {
    let item = format!("  - {}", "w".repeat(40));
    cut(&format!("{item}\n{item}"), 64, &[&item, &item]);
}

#[test]
fn a_block_of_code_stays_whole_if_it_fits_and_else_goes_on_as_one() {
    let code = format!("```rust\n{}\n{}\n```", "a".repeat(20), "b".repeat(20));
    cut(&format!("Here it is, in full:\n{code}\nDone."), 64, &["Here it is, in full:", &format!("{code}\nDone.")]);
    let line = |c: char| c.to_string().repeat(30);
    let text = format!("~~~py x=1\n{}\n  {}\n\n{}\n~~~\nDone.", line('a'), line('b'), line('c'));
    let parts = [
        format!("~~~py x=1\n{}\n~~~", line('a')),
        format!("~~~py x=1\n  {}\n\n~~~", line('b')),
        format!("~~~py x=1\n{}\n~~~\nDone.", line('c')),
    ];
    cut(&text, 64, &parts.each_ref().map(String::as_str));
    // One line of code that is too long for a message.
    let text = format!("```\n{}\n```", "x".repeat(80));
    cut(&text, 64, &[&format!("```\n{}\n```", "x".repeat(39)), &format!("```\n{}\n```", "x".repeat(41))]);
    // It never ends.
    cut("a\n```js\nlet x", 64, &["a\n```js\nlet x\n```"]);
    // The longer fence holds the shorter one.
    cut("````\n```\nx\n```\n````", 64, &["````\n```\nx\n```\n````"]);
}

#[test]
fn what_is_seen_as_one_character_stays_together() {
    let check = |one: &str| {
        let parts = parts(&format!("{}{one}y", "x".repeat(63)), 64);
        assert!(parts[1].starts_with(one), "{one} {parts:?}");
    };
    for one in ["e\u{301}", "\u{1f44d}\u{1f3fd}", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{1f1e9}\u{1f1ea}"] {
        check(one);
    }
}

#[test]
fn blocks_are_given_as_soon_as_a_paragraph_is_long_enough() {
    let mut blocks = Blocks::new(10, 100);
    assert_eq!(blocks.push("short\n\nand some more"), [""; 0]);
    assert_eq!(blocks.push("\n"), [""; 0]);
    assert_eq!(blocks.push("\n```\ncode\n\nmore code\n"), ["short\n\nand some more"]);
    assert_eq!(blocks.push("```\n[[reply_to_current]]\n"), [""; 0]);
    assert_eq!(blocks.asides().reply_to, Some(ReplyTo::Current));
    assert_eq!(blocks.push("\n"), ["```\ncode\n\nmore code\n```"]);
    assert_eq!(blocks.push(&"x".repeat(150)), [""; 0], "a line is looked at when it is over");
    assert_eq!(blocks.finish().parts, ["x".repeat(100), "x".repeat(50)]);
}

/// What a reader of one message sees as open at its end, by the rules of CommonMark, written for its own.
fn is_balanced(text: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for line in text.split('\n') {
        let text = line.trim_start_matches([' ', '\t', '\r']);
        let indent = line.len() - text.len();
        let line = text.trim_end();
        let Some(mark @ ('`' | '~')) = line.chars().next() else { continue };
        let run = line.chars().take_while(|c| *c == mark).count();
        let info = &line[run..];
        open = match open {
            None if (3..=12).contains(&run) && indent <= 8 && !(mark == '`' && info.contains('`')) => Some((mark, run)),
            Some((opened, length)) if opened == mark && run >= length && info.trim().is_empty() => None,
            open => open,
        };
    }
    open.is_none()
}

/// Each part is within the limit and balanced; the parts' bodies stand in the text one behind the other, and between them is
/// nothing but white space, or the end of a block that the part before has closed already.
fn check_parts(text: &str, limit: usize, parts: &[Part]) {
    let (mut rest, mut is_closed) = (text, false);
    let left_out = |gap: &str, is_closed: bool| match gap.trim() {
        "" => true,
        line => is_closed && line.chars().all(|c| matches!(c, '`' | '~')),
    };
    for part in parts {
        assert!(part.text.encode_utf16().count() <= limit, "{} units in {part:?}", part.text.encode_utf16().count());
        assert!(is_balanced(&part.text), "{part:?}");
        assert!(!part.text.trim().is_empty());
        let body = &part.text[part.body.clone()];
        // The first place would do for a text that repeats itself; the gap before it tells whether it is the right one.
        let at = rest.find(body).unwrap_or_else(|| panic!("{body:?} is not in {rest:?}"));
        assert!(left_out(&rest[..at], is_closed), "{:?} is lost before {part:?}", &rest[..at]);
        rest = &rest[at + body.len()..];
        is_closed = part.body.end < part.text.len();
    }
    assert!(left_out(rest, is_closed), "{rest:?} is lost at the end");
}

fn cut_by(mut cutter: Cutter, text: &str) -> Vec<Part> {
    cutter.push(text);
    let mut parts = cutter.ready();
    parts.extend(cutter.finish());
    parts
}

/// Texts in which everything happens that the machine looks for.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,12}",
        4 => Just(" ".to_owned()),
        4 => Just("\n".to_owned()),
        2 => Just("\n\n".to_owned()),
        1 => Just("```".to_owned()),
        1 => Just("\n```rust\n".to_owned()),
        1 => Just("\n```\n".to_owned()),
        1 => Just("\n  ~~~~ info of some length and more and more\n".to_owned()),
        1 => Just("\n~~~~\n".to_owned()),
        1 => "[`~]{1,20}",
        1 => "[.!?。\\r\\t]{1,2}",
        1 => "[a-z]{60,200}",
        1 => "\\PC{1,8}",
        1 => Just("e\u{301}\u{1f469}\u{200d}\u{1f467}\u{1f1e9}\u{1f1ea}".to_owned()),
        1 => prop_oneof![
            Just("<think>"), Just("</think>"), Just("<final>"), Just("`<think>`"), Just("[[reply_to_current]]"),
            Just("[[reply_to: 7]]"), Just("\nMEDIA:/tmp/x\n"), Just("NO_REPLY"), Just("[["), Just("<"),
        ].prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_small_enough_and_whole_and_nothing_is_lost(text in texts(), limit in 64..300_usize) {
        check_parts(&text, limit, &cut_by(Cutter::whole(limit), &text));
    }

    #[test]
    fn blocks_are_small_enough_and_whole_and_nothing_is_lost(text in texts(), min in 0..300_usize, max in 64..300_usize) {
        check_parts(&text, max, &cut_by(Cutter::blocks(min, max), &text));
    }

    #[test]
    fn any_text_is_cut(text in "\\PC*", limit in 64..100_usize) {
        check_parts(&text, limit, &cut_by(Cutter::whole(limit), &text));
    }

    #[test]
    fn however_a_text_comes_in_pieces_the_blocks_are_the_same(text in texts(), sizes in prop::collection::vec(1..9_usize, 1..9)) {
        let mut at_once = Blocks::new(80, 200);
        let mut expected = Reply { parts: at_once.push(&text), asides: Asides::default() };
        let rest = at_once.finish();
        expected.parts.extend(rest.parts);
        expected.asides = rest.asides;
        let (mut blocks, mut parts) = (Blocks::new(80, 200), Vec::new());
        let (mut letters, mut sizes) = (text.chars().peekable(), sizes.into_iter().cycle());
        while letters.peek().is_some() {
            let piece: String = letters.by_ref().take(sizes.next().unwrap_or(1)).collect();
            parts.extend(blocks.push(&piece));
        }
        let rest = blocks.finish();
        parts.extend(rest.parts);
        prop_assert_eq!(Reply { parts, asides: rest.asides }, expected);
    }

    #[test]
    fn what_is_said_in_code_stays_as_it_is(code in "[a-z<>/\\[\\]_: \n]{0,40}") {
        let text = format!("````\n{code}<think>[[reply_to:1]]\nMEDIA:x\n````");
        prop_assert_eq!(reply(&text, 4096), Reply { parts: vec![text], asides: Asides::default() });
    }
}

#[track_caller]
fn previewed(text: &str, shown: Option<&str>) {
    assert_eq!(preview(text, 1000).map(|preview| preview.text).as_deref(), shown, "of {text:?}");
}

#[test]
fn a_preview_shows_what_is_there() {
    previewed("Hello wor", Some("Hello wor…"));
    previewed("One.\n\nTwo", Some("One.\n\nTwo…"));
    previewed("```sh\necho", Some("```sh\necho\n```\n…"));
    previewed("1 < 2 and [a", Some("1 < 2 and [a…"));
    previewed("a <secret NAME> and <thinker>", Some("a <secret NAME> and <thinker>…"));
    previewed("", None);
    let long = preview(&"word ".repeat(400), 1000).unwrap().text;
    assert!(long.ends_with("word…") && long.encode_utf16().count() <= 1001, "{}", long.len());
    assert_eq!(preview("[[reply_to:7]]Yes", 1000).unwrap().reply_to, message("7"));
}

#[test]
fn a_preview_holds_back_what_may_not_be_meant_for_people() {
    for begun in ["NO", " NO_REPLY", "[[reply_to_cur", "[[reply_to_current]]NO_RE", "[", "<thi", "MED", "MEDIA:/tmp/x"]
    {
        previewed(begun, None);
    }
    previewed("NO_REPLY is a word", Some("NO_REPLY is a word…"));
    previewed("Yes. <think>no", Some("Yes.…"));
    previewed("Yes. <think>no</think> Ind", Some("Yes.…"));
    previewed("<think>\nno", None);
    previewed("Yes [[reply_to: 7", Some("Yes…"));
    for media in ["  MEDIA:/tmp/x", "[[reply_to:7]] MEDIA:/tmp/x", "[[reply_to:7]]ME", "MEDIA:/tmp/x\n"] {
        previewed(&format!("Yes.\n{media}"), Some("Yes.…"));
    }
}

proptest! {
    // Whatever follows, a preview shows only what the answer says in the end.
    #[test]
    fn a_preview_is_a_beginning_of_the_answer(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "a", "Yes. ", "\n", "\n\n", "<think>", "</think>", "<final>", "[[reply_to:7]]", "[[x]]", "MEDIA:/x", "NO_REPLY", "[", "<",
    ]), 0..12)) {
        let text = pieces.concat();
        let plain = |text: &str| text.replace(char::is_whitespace, "");
        let answer = plain(&reply(&text, 1000).parts.concat());
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            if let Some(shown) = preview(&text[..end], 1000) {
                let shown = plain(shown.text.trim_end_matches('…'));
                prop_assert!(answer.starts_with(&shown), "{shown:?} of {answer:?}");
            }
        }
    }
}

#[test]
fn code_and_links_of_a_line_stay_whole_where_they_fit() {
    let code = "`git commit --all --message words`";
    let link = "[a page about many things](https://example.com/a \"its title\")";
    for whole in [code, link] {
        for words in 0..20 {
            let text = format!("{}{whole}{}", "word ".repeat(words), " more".repeat(12));
            let parts = reply(&text, 80).parts;
            assert!(parts.iter().any(|part| part.contains(whole)), "{words}: {parts:?}");
        }
    }
    // What fits nowhere is cut between its words.
    let parts = reply(&format!("see `{}`", "long ".repeat(60)), 80).parts;
    assert!(parts.len() <= 6 && parts.iter().all(|part| part.encode_utf16().count() <= 80), "{parts:?}");
}
