//! Rows in any content.

use super::*;

pub(super) fn etags() -> impl Strategy<Value = Etag> {
    let numbers = prop_oneof![0u64..300, 0..=Etag::MAX.get(), Just(Etag::MAX.get())];
    numbers.prop_map(|number| Etag::new(number).unwrap())
}

pub(super) fn timestamps() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

pub(super) fn vectors() -> impl Strategy<Value = ChangeVector> {
    let entry = (any::<[u8; 16]>(), etags()).prop_map(|(incarnation, etag)| Entry {
        incarnation: IncarnationId::from_bytes(incarnation),
        etag,
    });
    prop::collection::vec(entry, 0..12).prop_map(ChangeVector::from_entries)
}

pub(super) fn ids() -> impl Strategy<Value = DocumentId> {
    prop_oneof!["[a-zA-Z0-9/|. -]{1,40}", "\\PC{1,60}"]
        .prop_filter_map("no id", |text| text.parse().ok())
}

pub(super) fn collections() -> impl Strategy<Value = Collection> {
    "\\PC{0,30}".prop_filter_map("no collection", |text| text.parse().ok())
}

pub(super) fn contents() -> impl Strategy<Value = Content> {
    let body = prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        3 => body.prop_map(|body| Content::Document(body.into())),
        1 => Just(Content::Tombstone),
        1 => counters().prop_map(Content::Counter),
        1 => segments().prop_map(Content::Segment),
        1 => vectors().prop_map(Content::RevisionTombstone),
    ]
}

pub(super) fn kept() -> impl Strategy<Value = Arc<Kept>> {
    let counter = ("[a-zA-Z]{1,20}", any::<Option<i64>>())
        .prop_map(|(name, value)| KeptCounter { name: name.parse().unwrap(), value });
    let series = ("[a-zA-Z]{1,20}", any::<u64>(), spans()).prop_map(|(name, entries, bounds)| {
        SeriesSummary { name: name.parse().unwrap(), entries, bounds }
    });
    let counters = prop::collection::vec(counter, 0..3);
    let series = prop::collection::vec(series, 0..3);
    (vectors(), counters, series, any::<bool>()).prop_map(|(by, counters, series, more)| {
        Arc::new(Kept { by, parts: KeptParts { counters, series, more } })
    })
}

pub(super) fn rules() -> impl Strategy<Value = RevisionsRule> {
    let bounds = (prop::option::of(1..u64::MAX), any::<Option<u64>>());
    (any::<[bool; 2]>(), bounds).prop_map(|([disabled, purge_on_delete], bounds)| RevisionsRule {
        disabled,
        minimum_to_keep: bounds.0,
        minimum_age_micros: bounds.1,
        purge_on_delete,
    })
}

pub(super) fn configurations() -> impl Strategy<Value = RevisionsConfiguration> {
    let collections = prop::collection::btree_map("[a-z]{1,9}", rules(), 0..4);
    (prop::option::of(rules()), collections).prop_map(|(default, rules)| {
        let rules = rules.into_iter().map(|(name, rule)| (name.parse().unwrap(), rule));
        RevisionsConfiguration::new(default, rules.collect()).unwrap()
    })
}

pub(super) fn revisions() -> impl Strategy<Value = Revision> {
    let bits = any::<[bool; 5]>();
    let ids = (etags(), ids());
    (ids, vectors(), vectors(), timestamps(), collections(), any::<u64>(), bits).prop_map(
        |((etag, id), by, vector, last_modified, collection, size, bits)| Revision {
            etag,
            id,
            has: Has { attachments: bits[2], counters: bits[3], series: bits[4] },
            by,
            vector,
            last_modified,
            collection,
            size,
            tombstone: bits[0],
            past: bits[1],
        },
    )
}

pub(super) fn counters() -> impl Strategy<Value = Counter> {
    let partials =
        prop::collection::btree_map(any::<[u8; 16]>(), (1..=Etag::MAX.get(), any::<i64>()), 0..4);
    ("\\PC{1,30}", partials).prop_filter_map("no name", |(name, partials)| {
        let partials = partials.into_iter().map(|(incarnation, (etag, value))| Partial {
            origin: Entry {
                incarnation: IncarnationId::from_bytes(incarnation),
                etag: Etag::new(etag).unwrap(),
            },
            value,
        });
        let partials = Partials::new(partials.collect()).unwrap();
        Some(Counter { name: name.parse().ok()?, partials })
    })
}

pub(super) fn spans() -> impl Strategy<Value = Span> {
    let times = SeriesTime::MIN.millis()..=SeriesTime::MAX.millis();
    (times.clone(), times).prop_map(|(one, other)| {
        let time = |millis| SeriesTime::new(millis).unwrap();
        Span::new(time(one.min(other)), time(one.max(other))).unwrap()
    })
}

pub(super) fn extents() -> impl Strategy<Value = Extent> {
    let live = prop::option::of((1..u64::MAX, spans()));
    ("[a-zA-Z]{1,20}", spans(), live).prop_map(|(name, span, live)| Extent {
        name: name.parse().unwrap(),
        span,
        live: live.map_or(0, |(live, _)| live),
        bounds: live.map(|(_, bounds)| bounds),
    })
}

pub(super) fn segments() -> impl Strategy<Value = Segment> {
    (extents(), prop::collection::vec(any::<u8>(), 0..50))
        .prop_map(|(extent, points)| Segment { extent, points: points.into() })
}

pub(super) fn attachments() -> impl Strategy<Value = Attachments> {
    let attachment = ("\\PC{1,20}", "\\PC{0,20}", any::<[u8; 32]>(), any::<u64>(), etags())
        .prop_map(|(name, content_type, hash, size, etag)| Attachment {
            name: name.parse().unwrap(),
            content_type: content_type.parse().unwrap(),
            hash: BlobHash::from_bytes(hash),
            size,
            origin: Entry { incarnation: IncarnationId::from_bytes([3; 16]), etag },
        });
    prop::collection::vec(attachment, 0..4)
        .prop_map(|list| list.into_iter().fold(Attachments::default(), |all, one| all.with(one)))
}

pub(super) fn versions() -> impl Strategy<Value = Version> {
    let kept = prop::option::of(kept());
    (ids(), collections(), [vectors(), vectors()], timestamps(), contents(), attachments(), kept)
        .prop_map(|(id, collection, [vector, since], last_modified, content, attachments, kept)| {
            Version { id, collection, vector, last_modified, content, attachments, since, kept }
        })
}

prop_compose! {
    pub(super) fn rows()(
        version in versions(),
        etag in etags(),
        first in etags(),
        rows in any::<u32>(),
        stamp in timestamps(),
        previous in etags(),
        minted in any::<prop::sample::Index>(),
        has_minted in any::<bool>(),
        conflicted in any::<bool>(),
    ) -> ChangeRow {
        let entries = version.vector.entries();
        let minted =
            (has_minted && !entries.is_empty()).then(|| entries[minted.index(entries.len())]);
        let transaction = TransactionMark { first, rows };
        ChangeRow { etag, transaction, stamp, previous, minted, conflicted, version }
    }
}

prop_compose! {
    pub(super) fn heads()(
        etag in etags(),
        last_modified in timestamps(),
        size in any::<u64>(),
        collection in collections(),
        id in ids(),
        vector in vectors(),
        tombstone in any::<bool>(),
        hash in any::<[u8; 16]>(),
        attachments in attachments(),
        since in vectors(),
        kept in any::<bool>(),
    ) -> Head {
        let seen = Seen { vector, tombstone, hash: ContentHash::from_be_bytes(hash) };
        Head { etag, last_modified, size, collection, id, seen, attachments, since, kept }
    }
}

pub(super) fn following(tasks: &[(u64, Etag)]) -> Followers {
    let mut followers = Followers::default();
    for (task, acknowledged) in tasks {
        followers.begin(*task);
        followers.advance(Follower {
            task: *task,
            destination: *task ^ 9,
            acknowledged: *acknowledged,
        });
    }
    followers
}

prop_compose! {
    pub(super) fn headers()(
        id in any::<[u8; 16]>(),
        origin in origins(),
        times in [timestamps(), timestamps()],
        etags in [etags(), etags(), etags()],
        vector in vectors(),
        counts in any::<[u64; 13]>(),
        followers in prop::collection::vec((any::<u64>(), etags()), 0..5),
    ) -> Header {
        Header {
            database: DatabaseId::from_bytes(id),
            incarnation: origin.lineage.current(),
            created: times[0],
            last_etag: etags[0],
            vector,
            tombstone_floor: etags[1],
            last_stamp: times[1],
            documents: counts[0],
            tombstones: counts[1],
            conflicts: counts[2],
            history_rows: counts[3],
            history_bytes: counts[4],
            attachments: counts[5],
            blobs: counts[6],
            blob_bytes: counts[7],
            counters: counts[8],
            series_entries: counts[9],
            parts: counts[10],
            revisions: counts[11],
            trims: counts[12],
            folded_until: etags[2],
            followers: following(&followers),
            origin: Arc::new(origin),
        }
    }
}

prop_compose! {
    pub(super) fn lineages()(
        lives in prop::collection::btree_map(any::<[u8; 16]>(), etags(), 1..5),
        runs in prop::collection::btree_map(etags(), any::<[u8; 16]>(), 0..5),
    ) -> Lineage {
        let incarnation = |(id, after)| Life { incarnation: IncarnationId::from_bytes(id), after };
        let mut lives: Vec<_> = lives.into_iter().map(incarnation).collect();
        lives.sort_by_key(|life| life.after);
        let run = |(first, id)| Run { id: RunId::from_bytes(id), first };
        Lineage::from_logs(lives, runs.into_iter().map(run).collect()).unwrap()
    }
}

prop_compose! {
    pub(super) fn origins()(
        lineage in lineages(),
        reissuing in lineages(),
        retired in prop::collection::vec(any::<[u8; 16]>(), 0..4),
        place in prop::option::of("[a-z0-9 ]{1,20}"),
        revisions in configurations(),
    ) -> Origin {
        let retired = retired.into_iter().map(IncarnationId::from_bytes).collect();
        Origin { lineage, retired, place, reissuing: reissuing.lives().to_vec(), revisions }
    }
}

prop_compose! {
    pub(super) fn cursors()(
        lineage in lineages(),
        etags in [etags(), etags(), etags()],
        reconciling in any::<Option<Vec<u8>>>(),
        epoch in any::<u64>(),
        owners in prop::collection::vec(any::<[u64; 2]>(), 0..20),
        seen in timestamps(),
        received in vectors(),
        owed in vectors(),
    ) -> Cursor {
        let owner = |[task, generation]: [u64; 2]| Owner { task, generation };
        let owners = owners.into_iter().map(owner).collect();
        let position = Position {
            etag: etags[0],
            run: lineage.run_of(etags[0]),
            newest_run: lineage.newest_run(),
            lives: lineage.lives().to_vec(),
            former: lineage.lives().iter().map(|life| life.incarnation).collect(),
        };
        let reconciling =
            reconciling.map(|after| Reconciling { floor: etags[1], after: after.into() });
        Cursor {
            position,
            whole: etags[1],
            reconciled: etags[2],
            reconciling,
            received,
            owed,
            epoch,
            owners,
            seen,
        }
    }
}
