//! Files taken apart and put together again, with whatever inside.

use std::collections::BTreeMap;
use std::path::Path;

use ark_bn254::{G1Affine, G2Affine};
use tacit_ceremony::files::ptau;
use tacit_ceremony::points::{Encoded, stored};

/// A file's sections in their order.
#[derive(Clone)]
pub struct Sections {
    head: Vec<u8>,
    list: Vec<(u32, Vec<u8>)>,
}

impl Sections {
    pub fn of(bytes: &[u8]) -> Self {
        let mut list = Vec::new();
        let mut at = 12;
        while at < bytes.len() {
            let id = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let len = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap()) as usize;
            list.push((id, bytes[at + 12..at + 12 + len].to_vec()));
            at += 12 + len;
        }
        Self {
            head: bytes[..8].to_vec(),
            list,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        bytes.extend((self.list.len() as u32).to_le_bytes());
        for (id, body) in &self.list {
            bytes.extend(id.to_le_bytes());
            bytes.extend((body.len() as u64).to_le_bytes());
            bytes.extend(body);
        }
        bytes
    }

    pub fn get(&mut self, id: u32) -> &mut Vec<u8> {
        let found = self.list.iter_mut().find(|(i, _)| *i == id);
        &mut found.unwrap().1
    }

    pub fn push(&mut self, id: u32, body: Vec<u8>) {
        self.list.push((id, body));
    }

    pub fn drop(&mut self, id: u32) {
        self.list.retain(|(i, _)| *i != id);
    }

    pub fn points<P: Encoded>(&mut self, id: u32) -> Vec<P> {
        tacit_ceremony::points::load_all(self.get(id)).unwrap()
    }

    pub fn set_points<P: Encoded>(&mut self, id: u32, points: &[P]) {
        *self.get(id) = stored(points);
    }

    /// Overwrites some bytes of a section.
    pub fn put(&mut self, id: u32, at: usize, bytes: &[u8]) {
        self.get(id)[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// A file with one section changed.
pub fn changed(bytes: &[u8], change: impl FnOnce(&mut Sections)) -> Vec<u8> {
    let mut sections = Sections::of(bytes);
    change(&mut sections);
    sections.bytes()
}

/// A file with one point of a list replaced.
pub fn with_point<P: Encoded>(bytes: &[u8], section: u32, index: usize, point: P) -> Vec<u8> {
    changed(bytes, |s| {
        s.put(section, index * P::BYTES, &stored(&[point]));
    })
}

pub fn g1_at(bytes: &[u8], section: u32, index: usize) -> G1Affine {
    Sections::of(bytes).points(section)[index]
}

pub fn g2_at(bytes: &[u8], section: u32, index: usize) -> G2Affine {
    Sections::of(bytes).points(section)[index]
}

/// Powers with changed records.
pub fn with_powers_records(bytes: &[u8], change: impl FnOnce(&mut Vec<ptau::Record>)) -> Vec<u8> {
    changed(bytes, |s| {
        let body = s.get(7);
        let count = u32::from_le_bytes(body[..4].try_into().unwrap());
        let (mut records, mut at) = (Vec::new(), 4);
        for _ in 0..count {
            let (record, end) = ptau::Record::decode(body, at).unwrap();
            records.push(record);
            at = end;
        }
        change(&mut records);
        *body = (records.len() as u32).to_le_bytes().to_vec();
        for record in &records {
            body.extend(record.encode());
        }
    })
}

/// A key with changed records, each as its bytes.
pub fn with_key_records(bytes: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    changed(bytes, |s| {
        let body = s.get(10);
        let count = u32::from_le_bytes(body[64..68].try_into().unwrap());
        let (mut records, mut at) = (Vec::new(), 68);
        for _ in 0..count {
            let len = u32::from_le_bytes(body[at + 388..at + 392].try_into().unwrap());
            let end = at + 392 + len as usize;
            records.push(body[at..end].to_vec());
            at = end;
        }
        change(&mut records);
        body.truncate(64);
        body.extend((records.len() as u32).to_le_bytes());
        body.extend(records.concat());
    })
}

/// The files of a folder's test, by name.
pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// The sections' lengths, to say which there are.
pub fn lengths(bytes: &[u8]) -> BTreeMap<u32, usize> {
    let sections = Sections::of(bytes);
    sections.list.iter().map(|(i, b)| (*i, b.len())).collect()
}
