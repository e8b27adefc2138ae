//! Jackdaw's wire: the code generated from the `.proto` files, and the two doors where it becomes
//! the domain and back.
//!
//! Generated types are named here and in thin adapters only (service implementations, the ends of
//! the stream, clients), never in an argument of anything below them (invariant I2).

pub mod convert;
pub mod wire;

/// The stream between sender and receiver, `jackdaw.replication.v1`.
pub mod replication {
    #![expect(
        unused_qualifications,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    tonic::include_proto!("jackdaw.replication.v1");
}

/// Reading and writing documents, `jackdaw.documents.v1`.
pub mod documents {
    #![expect(
        unused_qualifications,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    tonic::include_proto!("jackdaw.documents.v1");
}

/// Databases, connection strings and tasks, `jackdaw.control.v1`.
pub mod control {
    #![expect(
        unused_qualifications,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    tonic::include_proto!("jackdaw.control.v1");
}

/// The options of `google.api` that the packages above use.
mod google {
    pub(crate) mod api {
        tonic::include_proto!("google.api");
    }
}

/// The compiled descriptors of all packages, for reflection and for tests over every method.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
