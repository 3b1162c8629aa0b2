//! The file of codes that an invitation makes: `name,contact,code`, one row per person. It is the only
//! copy of the codes; whoever has it can enrol as anybody on it.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::registrar::IssuedCode;

/// A file that isn't one of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("row {0}: this is no file of codes")]
pub struct NotCodes(pub usize);

const HEADER: [&str; 3] = ["name", "contact", "code"];

/// The file's text.
pub fn to_csv(codes: &[IssuedCode]) -> Zeroizing<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory doesn't fail.
    let _ = writer.write_record(HEADER);
    for issued in codes {
        let _ = writer.write_record([
            &issued.name,
            issued.contact.as_deref().unwrap_or_default(),
            issued.code.as_str(),
        ]);
    }
    Zeroizing::new(writer.into_inner().unwrap_or_default())
}

/// Reads a file of codes.
pub fn parse(bytes: &[u8]) -> Result<Vec<IssuedCode>, NotCodes> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes);
    let mut codes = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let not_codes = NotCodes(i + 1);
        let record = record.map_err(|_| not_codes)?;
        if i == 0 {
            if record != HEADER[..] {
                return Err(not_codes);
            }
            continue;
        }
        let cell = |column: usize| record.get(column).ok_or(not_codes);
        codes.push(IssuedCode {
            name: cell(0)?.to_string(),
            contact: Some(cell(1)?.to_string()).filter(|c| !c.is_empty()),
            code: Zeroizing::new(cell(2)?.to_string()),
        });
    }
    if reader.position().record() == 0 {
        Err(NotCodes(1))
    } else {
        Ok(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        let issued = |name: &str, contact: Option<&str>, code: &str| IssuedCode {
            name: name.into(),
            contact: contact.map(Into::into),
            code: Zeroizing::new(code.into()),
        };
        let codes = [
            issued("Tubman, Harriet", None, "AB-CD"),
            issued("Ada", Some("ada@x"), "EF-GH"),
        ];
        let text = to_csv(&codes);
        assert_eq!(
            std::str::from_utf8(&text).unwrap(),
            "name,contact,code\n\"Tubman, Harriet\",,AB-CD\nAda,ada@x,EF-GH\n"
        );
        let read = parse(&text).unwrap();
        let plain = |c: &IssuedCode| (c.name.clone(), c.contact.clone(), c.code.to_string());
        assert_eq!(
            read.iter().map(plain).collect::<Vec<_>>(),
            codes.iter().map(plain).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_no_file_of_codes_is_refused() {
        for (text, row) in [
            ("", 1),
            ("name,code\nAda,x\n", 1),
            ("name,contact,code\nAda,x\n", 2),
            ("name,contact,code\nAda,,x\n\"Bob,,y\n", 3),
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap_err(),
                NotCodes(row),
                "{text:?}"
            );
        }
        assert!(parse(b"name,contact,code\n").unwrap().is_empty());
    }
}
