//! Documents of about 1.2 KiB, the same for the same number on every machine.

use jackdaw_tests::random::Random;

/// Document `n`: its id and its JSON.
pub(crate) fn document(n: u64) -> (String, String) {
    version(n, 0)
}

/// The number of the document of this id.
pub(crate) fn number(id: &str) -> Option<usize> {
    id.strip_prefix("customers/")?.parse().ok()
}

/// Another version of document `n`: the same id, and JSON of about the same size.
pub(crate) fn version(n: u64, version: u64) -> (String, String) {
    version_in("Customers", n, version)
}

/// The same of another collection.
pub(crate) fn version_in(collection: &str, n: u64, version: u64) -> (String, String) {
    let seed = n.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(version << 40);
    let mut random = Random::new(seed);
    let mut body = format!(
        r#"{{"Name":"Customer {n}","Active":{},"Balance":{}.{:02},"Tags":["#,
        random.number().is_multiple_of(2),
        random.number() % 100_000,
        random.number() % 100,
    );
    for tag in 0..4 {
        let comma = if tag == 0 { "" } else { "," };
        body.push_str(&format!(r#"{comma}"tag-{}""#, random.number() % 1_000));
    }
    body.push_str(r#"],"Address":{"Street":""#);
    words(&mut body, &mut random, 4);
    body.push_str(r#"","City":""#);
    words(&mut body, &mut random, 1);
    body.push_str(&format!(r#"","Zip":"{:05}"}},"Notes":""#, random.number() % 100_000));
    words(&mut body, &mut random, 130);
    body.push_str(&format!(r#"","@metadata":{{"@collection":"{collection}"}}}}"#));
    (id_in(collection, n), body)
}

/// The id of document `n` of a collection.
pub(crate) fn id_in(collection: &str, n: u64) -> String {
    format!("{}/{n:08}", collection.to_lowercase())
}

fn words(text: &mut String, random: &mut Random, count: usize) {
    for word in 0..count {
        if word > 0 {
            text.push(' ');
        }
        let mut letters = random.number();
        for _ in 0..4 + letters % 6 {
            letters = letters.rotate_right(7);
            let letter = u8::try_from(letters % 26).unwrap_or(0);
            text.push(char::from(b'a' + letter));
        }
    }
}
