//! A stream of UTF-16 read as UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding};

/// Bytes taken from the input at once.
const STEP_BYTES: usize = 16 * 1024;

/// Reads wide text as UTF-8.
pub(super) struct Utf16Reader<R> {
    head: Option<Vec<u8>>,
    input: R,
    decoder: Decoder,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16Reader<R> {
    /// `head` are the bytes read already.
    pub fn new(head: Vec<u8>, input: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Self { head: Some(head), input, decoder, ready: Vec::new(), given: 0, ended: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        let bytes = match self.head.take() {
            Some(head) => head,
            None => {
                let mut bytes = vec![0; STEP_BYTES];
                let read = self.input.read(&mut bytes)?;
                bytes.truncate(read);
                self.ended = read == 0;
                bytes
            }
        };
        let mut text = String::with_capacity(bytes.len() * 2 + 16);
        let (_, read, _) = self.decoder.decode_to_string(&bytes, &mut text, self.ended);
        debug_assert_eq!(read, bytes.len(), "there is room for every character");
        self.ready = text.into_bytes();
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf16Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.ready.len() {
            if self.ended {
                return Ok(0);
            }
            self.refill()?;
        }
        let read = self.ready.get(self.given..).unwrap_or(&[]).read(out)?;
        self.given += read;
        Ok(read)
    }
}
