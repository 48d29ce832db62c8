//! Is a code or a number one that its system can have given out?
//!
//! Asked of what comes in, at the edge, and never of what was written down: an old event says what it says. Of a system that
//! isn't known here nothing is asked. That a code exists only a terminology server could tell.

use super::InvalidValue;

const SNOMED_CT: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const CVX: &str = "http://hl7.org/fhir/sid/cvx";
const ICD_10: [&str; 2] = ["http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm"];

/// What stands before a National Provider Identifier when its check digit is computed: the United States' health cards.
const NPI_PREFIX: &str = "80840";

/// Whether a code of that system is well formed, its check digit included where it has one.
pub fn check_code(system: &str, code: &str) -> Result<(), InvalidValue> {
    let (fits, must) = match system {
        SNOMED_CT => (is_snomed(code), "must be a SNOMED CT identifier: 6 to 18 digits, of which the last one checks the others"),
        LOINC => (is_loinc(code), "must be a LOINC code: up to 7 digits, a hyphen and the digit that checks them, such as 4548-4"),
        RXNORM => (is_digits(code, 1, 8), "must be an RxNorm concept identifier: 1 to 8 digits"),
        CVX => (is_digits(code, 1, 3), "must be a CVX code: 1 to 3 digits"),
        _ if ICD_10.contains(&system) => (is_icd_10(code), "must be an ICD-10 code, such as E11.9"),
        _ => (true, ""),
    };
    if fits { Ok(()) } else { Err(InvalidValue(must)) }
}

/// Whether it is a National Provider Identifier (45 CFR 162.406): ten digits, of which the last one checks the others.
pub fn check_npi(number: &str) -> Result<(), InvalidValue> {
    let fits = is_digits(number, 10, 10) && luhn(&format!("{NPI_PREFIX}{number}"));
    if fits { Ok(()) } else { Err(InvalidValue("must be a National Provider Identifier: 10 digits, of which the last one checks the others")) }
}

/// Whether a phone number that is written with its country can be one (E.164); of one without a country nothing is known.
pub fn check_phone(number: &str) -> Result<(), InvalidValue> {
    let Some(international) = number.strip_prefix('+') else { return Ok(()) };
    let digits: String = international.split(['x', '#']).next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    if is_digits(&digits, 7, 15) && !digits.starts_with('0') {
        Ok(())
    } else {
        Err(InvalidValue("must have 7 to 15 digits after a plus, and a country code that doesn't begin with 0 (E.164)"))
    }
}

fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_snomed(code: &str) -> bool {
    is_digits(code, 6, 18) && !code.starts_with('0') && verhoeff(code)
}

/// Of parts and answers (`LP14449-0`, `LA6576-8`) only the form is known.
fn is_loinc(code: &str) -> bool {
    let named = ["LP", "LA"].iter().find_map(|prefix| code.strip_prefix(prefix));
    let Some((number, check)) = named.unwrap_or(code).split_once('-') else { return false };
    is_digits(number, 1, 7) && is_digits(check, 1, 1) && (named.is_some() || luhn(&format!("{number}{check}")))
}

fn is_icd_10(code: &str) -> bool {
    let (category, rest) = code.split_once('.').map_or((code, None), |(category, rest)| (category, Some(rest)));
    let is_upper = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let category_fits =
        matches!(category.as_bytes(), [letter, digit, last] if letter.is_ascii_uppercase() && digit.is_ascii_digit() && is_upper(*last));
    category_fits && rest.is_none_or(|rest| (1..=4).contains(&rest.len()) && rest.bytes().all(is_upper))
}

/// Whether the last digit checks the others (ISO/IEC 7812-1, "modulus 10 double-add-double").
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') << (place % 2);
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the last digit checks the others (J. Verhoeff, 1969): a walk through the dihedral group of a pentagon.
fn verhoeff(digits: &str) -> bool {
    let mut permuted: [u8; 10] = std::array::from_fn(|digit| u8::try_from(digit).unwrap_or_default());
    let mut checked = 0;
    for digit in digits.bytes().rev() {
        checked = turned(checked, permuted[usize::from(digit - b'0')]);
        permuted = permuted.map(|digit| VERHOEFF_PERMUTATION[usize::from(digit)]);
    }
    checked == 0
}

const VERHOEFF_PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// The product in the dihedral group D5: 0 to 4 are rotations, 5 to 9 reflections.
fn turned(one: u8, other: u8) -> u8 {
    match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => (one + other) % 5 + 5,
        (false, true) => (one + 5 - other) % 5 + 5,
        (false, false) => (one + 5 - other) % 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_known_systems_are_checked_to_their_last_digit() {
        for (system, right, wrong) in [
            (
                SNOMED_CT,
                &["195967001", "38341003", "91935009", "73211009", "900000000000207008"][..],
                &["195967000", "195976001", "12345", "038341003", "3834100x"][..],
            ),
            (
                LOINC,
                &["4548-4", "8480-6", "8462-4", "2339-0", "718-7", "LP14449-0", "LA6576-8"],
                &["4548-5", "4584-4", "4548", "-4", "12345678-9", "x-1", "LP1-", "LPx-1"],
            ),
            (RXNORM, &["314076", "7"], &["", "31407x", "123456789"]),
            (CVX, &["08", "140"], &["", "1400", "x"]),
            (ICD_10[0], &["E11", "E11.9", "Z99.1"], &["e11.9", "11.9", "E1", "E11.", "E11.12345", "E11 .9"]),
            (ICD_10[1], &["C4A.0", "S72.001A"], &["C4A0.0"]),
            ("urn:ours", &["anything at all", ""], &[]),
        ] {
            for code in right {
                assert_eq!(check_code(system, code), Ok(()), "{system} {code}");
            }
            for code in wrong {
                let refused = check_code(system, code).unwrap_err().to_string();
                assert!(refused.starts_with("must be "), "{system} {code}: {refused}");
            }
        }
    }

    #[test]
    fn any_wrong_digit_of_a_snomed_code_and_any_two_that_changed_places_are_noticed() {
        let right = b"195967001";
        for place in 0..right.len() {
            for digit in (b'0'..=b'9').filter(|digit| *digit != right[place]) {
                let mut wrong = *right;
                wrong[place] = digit;
                assert!(check_code(SNOMED_CT, std::str::from_utf8(&wrong).unwrap()).is_err());
            }
            let mut swapped = *right;
            swapped.swap(place, (place + 1) % right.len());
            let is_neighbour = place + 1 < right.len() && swapped != *right;
            assert!(!is_neighbour || check_code(SNOMED_CT, std::str::from_utf8(&swapped).unwrap()).is_err());
        }
    }

    #[test]
    fn a_national_provider_identifier_checks_itself() {
        assert_eq!(check_npi("1245319599"), Ok(()));
        assert_eq!(check_npi("1234567893"), Ok(()));
        for wrong in ["1234567890", "123456789", "12345678930", "1234S67893", ""] {
            assert!(check_npi(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_phone_number_with_its_country_is_one_of_e_164() {
        for right in ["+1 (555) 013-2477 x12", "+49.30.1234567", "911", "0301234567", "+123456789012345"] {
            assert_eq!(check_phone(right), Ok(()), "{right}");
        }
        for wrong in ["+0 301 234567", "+123456", "+1234567890123456", "+1 23 x4567890"] {
            assert!(check_phone(wrong).is_err(), "{wrong}");
        }
    }
}
