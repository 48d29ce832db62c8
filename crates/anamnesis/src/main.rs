//! anamnesis
fn main() {}
