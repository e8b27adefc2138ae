//! Compiles the `.proto` files with a compiler written in Rust, so that no protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 5] = [
    "jackdaw/replication/v1/replication.proto",
    "jackdaw/documents/v1/documents.proto",
    "jackdaw/control/v1/databases.proto",
    "jackdaw/control/v1/connection_strings.proto",
    "jackdaw/control/v1/external_replications.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=jackdaw");
    println!("cargo:rerun-if-changed=third_party");
    let descriptors = protox::compile(FILES, [".", "third_party"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
