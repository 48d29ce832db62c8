//! How is a body made shorter before it is padded?

use std::cell::RefCell;

use zeroize::Zeroizing;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

/// Sealing happens inside a command, so speed counts more than the last percent.
const LEVEL: i32 = 1;

thread_local! {
    // Setting a context up costs more than compressing an event does.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// One zstd frame that carries its content's size, or `None` where it wouldn't be shorter than the body.
pub(crate) fn compress(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut frame = Zeroizing::new(Vec::with_capacity(body.len()));
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = slot.get_or_insert_with(|| Compressor::new(LEVEL).expect("zstd knows its level 1"));
        compressor.compress_to_buffer(body, &mut *frame).ok()
    })?;
    (frame.len() < body.len()).then_some(frame)
}

/// The body of a frame, if it says beforehand that it isn't longer than `limit`.
pub(crate) fn decompress(frame: &[u8], limit: usize) -> Option<Zeroizing<Vec<u8>>> {
    let len = usize::try_from(get_frame_content_size(frame).ok()??).ok()?;
    if len > limit {
        return None;
    }
    let mut body = Zeroizing::new(Vec::with_capacity(len));
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = slot.get_or_insert_with(|| Decompressor::new().expect("zstd has memory"));
        decompressor.decompress_to_buffer(frame, &mut *body).ok()
    })?;
    (body.len() == len).then_some(body)
}
