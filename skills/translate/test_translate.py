"""What needs no host. `python3 -m unittest` in this folder runs it, with the SDK in `PYTHONPATH`."""

import json
import unittest

import formats
import marks
import work

MARKDOWN = """\
---
title: Kept
---
# The title

A paragraph with `code`
and a [link](https://a.example/b "x").

- first
  goes on
- [ ] second

    - deeper

```sh
echo "not this"
```

    indented code

| Name | Size |
|------|-----:|
| Tea  | 3    |

> Quoted
> again

[x]: https://a.example
<!-- kept -->
12:30
"""

SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\nHello,\nAda!\n\n2\n00:00:03,000 --> 00:00:04,000\n- Bye.\n"

CATALOGUE = '''\
# A comment: msgid "no"
msgid ""
msgstr "Language: de\\n"

msgid "Open"
msgstr "Öffnen"

#, python-format
msgid ""
"Say \\"%s\\"\\n"
"twice\\n"
msgstr ""

msgctxt "menu"
msgid "one file"
msgid_plural "%d files"
msgstr[0] ""
msgstr[1] ""
'''

TABLE = '{\n  "open": "Open {name}",\n  "sizes": [1, "2", "Two \\u00fc"],\n  "a:b": {"x": "Say \\"hi\\""}\n}\n'


def texts(name: str, text: str) -> list[tuple[int, str]]:
    return [(piece.line, piece.text) for piece in formats.cut(name, text) if isinstance(piece, formats.Segment)]


class Formats(unittest.TestCase):
    def test_what_is_not_translated_stays_byte_for_byte(self) -> None:
        for name, text in [("a.md", MARKDOWN), ("a.srt", SUBTITLES), ("a.json", TABLE), ("a.po", CATALOGUE)]:
            self.assertEqual(formats.join(formats.cut(name, text), {}), text)
            windows = text.replace("\n", "\r\n")
            self.assertEqual(formats.join(formats.cut(name, windows), {}), windows)
        two = formats.cut("a.md", "one\r\ntwo\r\n")
        self.assertEqual(formats.join(two, {0: "eins\nzwei"}), "eins\r\nzwei\r\n")

    def test_markdown_gives_its_texts_and_keeps_its_code(self) -> None:
        expected = [
            (4, "The title"),
            (6, 'A paragraph with `code`\nand a [link](https://a.example/b "x").'),
            (9, "first\n  goes on"),
            (11, "second"),
            (13, "deeper"),
            (21, "| Name | Size |"),
            (23, "| Tea  | 3    |"),
            (25, "Quoted"),
            (26, "again"),
        ]
        self.assertEqual(texts("a.MD", MARKDOWN), expected)
        shown = formats.join(formats.cut("a.md", MARKDOWN), {0: "Der Titel", 3: "Zweites"})
        self.assertIn("# Der Titel\n", shown)
        self.assertIn("- [ ] Zweites\n", shown)

    def test_a_fence_ends_with_its_own_kind_or_with_the_file(self) -> None:
        self.assertEqual(texts("a.md", "````\n```\nno\n````\nyes\n"), [(5, "yes")])
        self.assertEqual(texts("a.md", "~~~\nno\n```\nno\n"), [])

    def test_subtitles_keep_their_times(self) -> None:
        self.assertEqual(texts("a.srt", SUBTITLES), [(3, "Hello,\nAda!"), (8, "- Bye.")])
        vtt = "WEBVTT\n\nNOTE no\n\n00:01.000 --> 00:02.000\nYes\n"
        self.assertEqual(texts("a.vtt", vtt), [(6, "Yes")])
        self.assertRaises(ValueError, formats.cut, "a.srt", "Hello\n")

    def test_a_table_of_texts_keeps_its_keys_and_its_layout(self) -> None:
        self.assertEqual(texts("a.json", TABLE), [(2, "Open {name}"), (3, "Two ü"), (4, 'Say "hi"')])
        shown = formats.join(formats.cut("a.json", TABLE), {0: "{name} öffnen", 2: 'Sag "ja"\n'})
        self.assertIn('"open": "{name} öffnen",\n', shown)
        self.assertEqual(json.loads(shown)["a:b"]["x"], 'Sag "ja"\n')
        self.assertRaises(ValueError, formats.cut, "a.json", "{")

    def test_a_catalogue_is_filled_where_it_is_empty(self) -> None:
        expected = [(12, 'Say "%s"\ntwice'), (17, "one file"), (18, "%d files")]
        self.assertEqual(texts("a.po", CATALOGUE), expected)
        shown = formats.join(formats.cut("a.po", CATALOGUE), {0: 'Sag "%s"', 1: "eine Datei", 2: "%d Dateien"})
        self.assertIn('msgstr "Öffnen"\n', shown)
        self.assertIn('msgstr "Sag \\"%s\\"\\n"\n\nmsgctxt', shown)
        self.assertIn('msgstr[0] "eine Datei"\nmsgstr[1] "%d Dateien"\n', shown)

    def test_other_files_are_none(self) -> None:
        self.assertIsNone(formats.cut("a.exe", "x"))


class Marks(unittest.TestCase):
    def test_a_mark_that_is_lost_added_or_changed_is_told(self) -> None:
        self.assertEqual(marks.lost("Hi {name}, %s of %(all)d", "%s von %(all)d, hallo {name}"), [])
        self.assertEqual(marks.lost("Hi {name}", "Hallo {Name}"), ["{Name}", "{name}"])
        self.assertEqual(marks.lost("`a` and `a`", "`a`"), ["`a`"])
        self.assertEqual(marks.lost("[x](https://a.example)", "[x](https://b.example)")[0], "](https://a.example)")
        self.assertEqual(marks.lost("<b>x</b>", "<b>x"), ["</b>"])
        self.assertEqual(marks.lost("| a | b |", "| a b |"), ["|"])
        self.assertEqual(marks.lost("50% discount", "50 % Rabatt"), [])
        self.assertEqual(marks.lost("a", "a"), [])

    def test_a_translation_has_no_empty_lines(self) -> None:
        self.assertEqual(marks.fits("\n a  \n\nb\n"), "a\nb")


class Work(unittest.TestCase):
    def segments(self, *texts: str) -> list[formats.Segment]:
        return [formats.Segment(line, text, text) for line, text in enumerate(texts, 1)]

    def test_a_long_file_is_asked_about_in_parts(self) -> None:
        segments = self.segments("a" * 2000, "b" * 2000, "c" * 7000, "d" * 3500, "e")
        progress, parts = work.Progress(), []
        while chunk := progress.next_chunk(segments):
            parts.append(chunk)
            progress = work.Progress.read(progress.write().encode())
            self.assertTrue(progress.take(segments, chunk, json.dumps({str(n + 1): "x" for n in chunk})))
        self.assertEqual(parts, [[0], [1], [3], [4]])
        self.assertEqual(progress.report(segments), "line 3: it is longer than 6000 characters")
        self.assertEqual(progress.done(), 5)

    def test_what_an_answer_loses_stays_and_is_told(self) -> None:
        segments, progress = self.segments("Hi {name}", "Two", "Three"), work.Progress()
        answer = 'Sure:\n```json\n{"1": "Hallo {Name}", "2": "Zwei", "3": 3}\n```'
        self.assertTrue(progress.take(segments, [0, 1, 2], answer))
        self.assertEqual(progress.translations, {1: "Zwei"})
        expected = "line 1: its translation changes `{Name}`, `{name}`\nline 3: no translation came"
        self.assertEqual(progress.report(segments), expected)

    def test_an_answer_that_is_no_object_is_not_taken(self) -> None:
        progress = work.Progress()
        for odd in ["I cannot", "{broken", "[]", '{"1": "x"']:
            self.assertFalse(progress.take(self.segments("a"), [0], odd), odd)
        self.assertEqual(progress.done(), 0)

    def test_the_output_is_named_after_its_language(self) -> None:
        self.assertEqual(work.output_path("docs/a.b.md", "German"), "docs/a.b.german.md")
        self.assertEqual(work.output_path("a.po", "pt BR"), "a.pt-br.po")

    def test_the_question_for_the_model_can_be_made(self) -> None:
        self.assertIn("into German.", work.SYSTEM.format(to="German"))
        self.assertIn("{name}", work.SYSTEM.format(to="German"))


if __name__ == "__main__":
    unittest.main()
