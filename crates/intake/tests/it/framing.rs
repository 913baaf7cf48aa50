//! Telling lines apart.

use bongsu_event::Framing;
use bongsu_event::limits::LINE_BYTES_MAX;
use bongsu_intake::{Framer, Line};
use bytes::Bytes;
use proptest::prelude::*;

fn lines(pieces: &[&[u8]]) -> Vec<Line> {
    let (mut framer, mut out) = (Framer::new(), Vec::new());
    for piece in pieces {
        framer.push(Bytes::copy_from_slice(piece), &mut out);
    }
    framer.finish(&mut out);
    out
}

fn texts(bytes: &[u8]) -> Vec<String> {
    lines(&[bytes]).iter().map(|l| String::from_utf8_lossy(&l.raw).into_owned()).collect()
}

#[test]
fn both_framings_and_all_endings() {
    assert_eq!(texts(b"<13>one\n<13>two\r\n\n\r\n<13>three\n"), ["<13>one", "<13>two", "<13>three"]);
    assert_eq!(texts(b"7 <13>one8 <13>a\nb\n9 <13>three"), ["<13>one", "<13>a\nb", "<13>three"]);
    assert_eq!(
        texts(b"<13>one\0<13>two\x007 <13>sixxx\0<13>end\0"),
        ["<13>one", "<13>two", "<13>six", "xx", "<13>end"]
    );
    assert_eq!(texts(b"7 <13>one<13>two\n7 <13>thr\n<13>four\n"), ["<13>one", "<13>two", "<13>thr", "<13>four"]);
    let both = lines(&[b"7 <13>one<13>two\n"]);
    assert_eq!((both[0].framing, both[1].framing), (Framing::OctetCounted, Framing::Delimited));
}

#[test]
fn a_line_that_begins_with_a_number_is_text() {
    for text in ["2024 January\n", "12345\n", "17 lines of text\n", "99999999999 <13>x\n", "0 <13>x\n", "12345678 \n"] {
        assert_eq!(texts(text.as_bytes()), [text.trim_end_matches('\n')], "{text:?}");
    }
    assert_eq!(texts(b"2 {}4 abcd"), ["{}", "abcd"], "behind a counted message a count needs no `<`");
}

/// Somebody who can put a line break into a logged text must not make the following lines vanish.
#[test]
fn a_forged_count_cannot_swallow_the_lines_behind_it() {
    let forged = format!("<13>GET /\n{} <13>x\n<13>second\n<13>third\n", LINE_BYTES_MAX + 1);
    assert!(texts(forged.as_bytes()).ends_with(&["<13>second".to_owned(), "<13>third".to_owned()]));
    // A believable count keeps what it covers.
    let kept = lines(&[b"<13>GET /\n30000 <13>x\n<13>second"]);
    assert_eq!(&kept[1].raw[..], b"<13>x\n<13>second");
    assert!(kept[1].flags.unterminated);
}

#[test]
fn a_nul_inside_a_line_stays_there() {
    assert_eq!(texts(b"<13>one\n<13>a\0<13>forged\n"), ["<13>one", "<13>a\0<13>forged"]);
    assert_eq!(texts(b"<13>a\0b\n<13>two\n"), ["<13>a\0b", "<13>two"]);
    assert_eq!(texts(b"\0\0<13>\n<13>two\n"), ["\0\0<13>", "<13>two"]);
    assert_eq!(texts(b"<13>only\0"), ["<13>only"]);
}

#[test]
fn the_first_message_of_a_nul_sender_goes_out_when_it_pauses() {
    let (mut framer, mut out) = (Framer::new(), Vec::new());
    framer.push(Bytes::from_static(b"<13>one\0"), &mut out);
    assert!(out.is_empty() && framer.is_partial());
    framer.idle(&mut out);
    assert_eq!((&out[0].raw[..], out[0].flags.unterminated), (&b"<13>one"[..], false));
    framer.push(Bytes::from_static(b"<13>two\0"), &mut out);
    assert_eq!(&out[1].raw[..], b"<13>two");
}

#[test]
fn an_overlong_line_is_cut_marked_and_the_next_one_is_whole() {
    let long = vec![b'x'; 10 * 1024 * 1024];
    for (framing, bytes) in [
        (Framing::Delimited, [b"<13>", &long[4..], b"\n<13>next\n"].concat()),
        (Framing::OctetCounted, [format!("{} <13>", long.len()).as_bytes(), &long[4..], b"9 <13>next\n"].concat()),
    ] {
        let (mut framer, mut out) = (Framer::new(), Vec::new());
        framer.push(Bytes::from(bytes), &mut out);
        assert_eq!(out.len(), 2, "{framing:?}");
        assert_eq!((out[0].raw.len(), out[0].flags.truncated, out[0].framing), (LINE_BYTES_MAX, true, framing));
        assert_eq!(&out[1].raw[..], b"<13>next");
        assert!(!out[1].flags.truncated);
        assert_eq!(framer.take_swallowed(), (long.len() - LINE_BYTES_MAX) as u64);
    }
}

#[test]
fn a_line_of_exactly_the_limit_is_whole() {
    let line = vec![b'x'; LINE_BYTES_MAX];
    let delimited = lines(&[&line, b"\n"]);
    let counted = lines(&[format!("{LINE_BYTES_MAX} <").as_bytes(), &line[1..]]);
    for out in [delimited, counted] {
        assert_eq!((out.len(), out[0].raw.len(), out[0].flags.truncated), (1, LINE_BYTES_MAX, false));
    }
}

#[test]
fn what_never_ends_is_bounded_and_kept_at_the_close() {
    let out = lines(&[b"<13>no end"]);
    assert_eq!((&out[0].raw[..], out[0].flags.unterminated), (&b"<13>no end"[..], true));
    let out = lines(&[b"500 <13>no end"]);
    assert_eq!((&out[0].raw[..], out[0].flags.unterminated), (&b"<13>no end"[..], true));
    assert_eq!(texts(b"123"), ["123"]);
    let (mut framer, mut out) = (Framer::new(), Vec::new());
    for _ in 0..1_000 {
        framer.push(Bytes::from(vec![b'x'; 10_000]), &mut out);
    }
    framer.finish(&mut out);
    assert_eq!((out.len(), out[0].raw.len()), (1, LINE_BYTES_MAX));
}

/// Messages as senders, and people who wish us ill, write them.
fn stream_of_bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = proptest::collection::vec(
        prop_oneof![
            4 => any::<u8>(), 2 => Just(b'<'), 2 => Just(b'\n'), 2 => Just(0u8), 2 => b'0'..=b'9', 2 => Just(b' '), 1 => Just(b'{'), 1 => Just(b'\r'),
        ],
        0..40,
    );
    let delimited = (text.clone(), prop_oneof![Just("\n"), Just("\r\n"), Just("\0")])
        .prop_map(|(t, end)| [b"<13>", &t[..], end.as_bytes()].concat());
    let counted = (text.clone(), 0usize..3).prop_map(|(t, lie)| {
        let body = [b"<13>", &t[..]].concat();
        [format!("{} ", body.len() + lie).as_bytes(), &body].concat()
    });
    let long =
        (LINE_BYTES_MAX - 3..LINE_BYTES_MAX + 70, any::<bool>(), prop_oneof![Just("\n"), Just("\0"), Just("\r\n")])
            .prop_map(|(n, with_count, end)| {
                let head = if with_count { format!("{n} <") } else { "<".to_owned() };
                [head.as_bytes(), &vec![b'y'; n - 1], end.as_bytes()].concat()
            });
    proptest::collection::vec(prop_oneof![4 => text, 6 => delimited, 6 => counted, 1 => long], 0..12)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However the bytes are cut into reads, the lines are the same.
    #[test]
    fn any_split_gives_the_same_lines(bytes in stream_of_bytes(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..30)) {
        let whole = lines(&[&bytes]);
        let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        prop_assert_eq!(&lines(&pieces), &whole);
        if bytes.len() < 2_000 {
            prop_assert_eq!(&lines(&bytes.chunks(1).collect::<Vec<_>>()), &whole);
        }
        for line in &whole {
            prop_assert!(!line.raw.is_empty() && line.raw.len() <= LINE_BYTES_MAX);
        }
    }

    /// Well-formed streams of one framing come back exactly.
    #[test]
    fn counted_messages_come_back(texts in proptest::collection::vec("<[0-9]{1,3}>[ -~]{1,60}", 1..10)) {
        let bytes: Vec<u8> = texts.iter().flat_map(|t| format!("{} {t}", t.len()).into_bytes()).collect();
        let back: Vec<String> = lines(&[&bytes]).iter().map(|l| String::from_utf8_lossy(&l.raw).into_owned()).collect();
        prop_assert_eq!(back, texts);
    }
}
