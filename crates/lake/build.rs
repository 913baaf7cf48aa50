//! Nothing to do: it stands here so that the features named in `build-dependencies` count.
fn main() {}
