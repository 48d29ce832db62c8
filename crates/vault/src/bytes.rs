//! How are fields put one after another without their borders getting lost?

/// Appends `lp(field)`: the length in 4 big-endian bytes, then the bytes.
pub(crate) fn lp(bytes: &mut Vec<u8>, field: &[u8]) {
    let len = u32::try_from(field.len()).expect("a field is shorter than 4 GiB");
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(field);
}
