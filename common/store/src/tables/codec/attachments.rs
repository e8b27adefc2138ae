//! The list of a version's attachments, within its rows.

use jackdaw_common::{Attachment, Attachments, BlobHash, Entry, IncarnationId};

use super::{RowError, RowReader, RowWriter};

pub(in crate::tables) fn write(row: &mut RowWriter, attachments: &Attachments) {
    row.varint(attachments.len() as u64);
    for attachment in attachments.as_slice() {
        row.string(attachment.name.as_str().as_bytes());
        row.string(attachment.content_type.as_str().as_bytes());
        row.fixed(attachment.hash.as_bytes());
        row.varint(attachment.size);
        row.fixed(attachment.origin.incarnation.as_bytes());
        row.etag(attachment.origin.etag);
    }
}

pub(in crate::tables) fn read(row: &mut RowReader) -> Result<Attachments, RowError> {
    let mut list = Vec::new();
    for _ in 0..row.varint()? {
        list.push(Attachment {
            name: row.parsed()?,
            content_type: row.parsed()?,
            hash: BlobHash::from_bytes(row.fixed()?),
            size: row.varint()?,
            origin: Entry {
                incarnation: IncarnationId::from_bytes(row.fixed()?),
                etag: row.etag()?,
            },
        });
    }
    Attachments::new(list).map_err(|error| RowError(error.to_string()))
}
