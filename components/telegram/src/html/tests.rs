use super::*;

#[track_caller]
fn check(markdown: &str, html: &str) {
    assert_eq!(of_markdown(markdown).as_deref(), Some(html), "{markdown}");
}

#[test]
fn type_is_kept() {
    check("a **b** *c* ~~d~~ `e<f>`", "a <b>b</b> <i>c</i> <s>d</s> <code>e&lt;f&gt;</code>");
    check("***both***", "<i><b>both</b></i>");
    check("5 < 6 & \"7\" <b>x</b>", "5 &lt; 6 &amp; &quot;7&quot; &lt;b&gt;x&lt;/b&gt;");
    check("snake_case_name 2*3*4", "snake_case_name 2<i>3</i>4");
}

#[test]
fn blocks_stand_apart() {
    check("# Title\n\none\ntwo\n\nthree", "<b>Title</b>\n\none\ntwo\n\nthree");
    check("a\n\n---\n\nb", "a\n\n———\n\nb");
    check("> quoted\n>\n> > deeper\n\nafter", "<blockquote>quoted\n\ndeeper</blockquote>\n\nafter");
}

#[test]
fn code_is_left_alone() {
    check(
        "```rust\nlet a = b && c;\n\n# no title\n```",
        "<pre><code class=\"language-rust\">let a = b &amp;&amp; c;\n\n# no title</code></pre>",
    );
    check("before\n\n    four\n\nafter", "before\n\n<pre><code>four</code></pre>\n\nafter");
    check("```x\"><b>\na\n```", "<pre><code class=\"language-x&quot;&gt;&lt;b&gt;\">a</code></pre>");
    check("```\nnever closed", "<pre><code>never closed</code></pre>");
}

#[test]
fn lists_have_bullets_and_numbers() {
    check("- a\n- b\n  - c\n  - d\n- e", "• a\n• b\n  • c\n  • d\n• e");
    check("intro:\n\n3. a\n4. **b**\n\nend", "intro:\n\n3. a\n4. <b>b</b>\n\nend");
    check("- a\n\n- b\n\n  more", "• a\n• b\nmore");
    check("1. `x`\n2. y", "1. <code>x</code>\n2. y");
    check("- ```\n  x\n  ```\n- y", "• <pre><code>x</code></pre>\n• y");
}

#[test]
fn links_lead_only_to_the_web_and_nothing_is_fetched() {
    check("[a](https://example.com/?x=1&y=\"2\")", "<a href=\"https://example.com/?x=1&amp;y=&quot;2&quot;\">a</a>");
    check("<https://example.com>", "<a href=\"https://example.com\">https://example.com</a>");
    check("<a@example.com>", "<a href=\"mailto:a@example.com\">a@example.com</a>");
    check("[a](javascript:alert(1)) [b](/etc/passwd)", "a b");
    check("![alt](https://example.com/a.png)", "<a href=\"https://example.com/a.png\">alt</a>");
    check("[![alt](https://a.example)](https://b.example)", "<a href=\"https://b.example\">alt</a>");
}

#[test]
fn a_text_of_which_nothing_would_be_seen_has_no_html() {
    for markdown in ["", "  \n", "[x]: https://example.com", "****"] {
        assert!(of_markdown(markdown).is_none_or(|html| html == "****" || html == "———"), "{markdown:?}");
    }
    assert_eq!(of_markdown("[x]: https://example.com"), None);
}

#[test]
fn every_tag_is_closed_whatever_the_text() {
    let pieces = [
        "*",
        "**",
        "_",
        "`",
        "```\n",
        "> ",
        "- ",
        "1. ",
        "[a](https://b)",
        "![",
        "](",
        "<b>",
        "\n",
        "\n\n",
        "x",
        "    ",
        "#",
        "~~",
    ];
    // Every three of them in a row, and each such row doubled.
    for one in pieces {
        for two in pieces {
            for three in pieces {
                let row = format!("{one}{two}{three}");
                for text in [row.clone(), format!("{row}y{row}")] {
                    check_balanced(&text);
                }
            }
        }
    }
}

#[track_caller]
fn check_balanced(markdown: &str) {
    let Some(html) = of_markdown(markdown) else { return };
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{markdown:?}: {html}"),
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{markdown:?}: {html}");
}
