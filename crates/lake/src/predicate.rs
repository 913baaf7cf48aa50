//! Tests that the engine does not have: text without case, addresses by value, vendor fields, sets of ids.
//!
//! Invariants: each answers true or false, never null, so that NOT finds rows without the field too; and each says
//! what a row group must hold for it (`need`), which the token filter then checks.

use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, MapArray, StringArray, StringBuilder},
    datatypes::{DataType, Field as Column, FieldRef, Int64Type},
};
use datafusion::{
    common::{DataFusionError, Result, ScalarValue, exec_datafusion_err},
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use regex::bytes::{Regex, RegexBuilder};

use crate::{
    query::Pattern,
    text::{self, address_number, fold, fold_char, number_address},
    tokens::{self, Need, Tag},
};

/// Most memory of one compiled pattern, bytes.
const PATTERN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the token filter keeps of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Trigrams.
    Trigrams,
    /// Trigrams, and whole values under this tag.
    Values(Tag),
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// A text column matches.
    Text(Pattern, Kept),
    /// An address column lies between these, ends included.
    Addresses(u128, u128),
    /// This address stands whole in the raw line.
    InText(u128),
    /// A vendor field of this name exists, and matches.
    Extra(String, Option<Pattern>),
    /// The id (epoch, sequence) is one of these, in order.
    Ids(Vec<(i64, i64)>),
}

impl Asked {
    /// What a row group must hold.
    pub fn need(&self) -> Need {
        match self {
            Self::Text(_, Kept::Nothing) | Self::Ids(_) => Need::Anything,
            Self::Text(Pattern::Whole(t), Kept::Values(tag)) => Need::Token(tokens::text_token(*tag, t)),
            Self::Text(p, _) => pattern_need(p),
            Self::Addresses(low, high) => tokens::span_token(*low, *high).map_or(Need::Anything, Need::Token),
            Self::InText(a) => Need::Token(tokens::ip_token(number_address(*a))),
            Self::Extra(name, pattern) => {
                Need::all([Need::piece(name), pattern.as_ref().map_or(Need::Anything, pattern_need)])
            }
        }
    }
    /// The test on these columns.
    pub fn on(self, columns: Vec<Expr>) -> Expr {
        ScalarUDF::new_from_impl(Predicate::new(self)).call(columns)
    }
}

/// What a row group must hold for a pattern.
pub fn pattern_need(p: &Pattern) -> Need {
    match p {
        Pattern::Whole(t) | Pattern::Within(t) => Need::piece(t),
        Pattern::Wild { pieces, .. } => Need::all(pieces.iter().map(|p| Need::piece(p))),
    }
}

/// A test as a function of the engine.
#[derive(Debug)]
pub struct Predicate {
    pub asked: Asked,
    name: String,
    signature: Signature,
    matcher: OnceLock<Result<Matcher, String>>,
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.asked == other.asked
    }
}
impl Eq for Predicate {}
impl Hash for Predicate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked.hash(state);
    }
}

impl Predicate {
    pub fn new(asked: Asked) -> Self {
        let arguments = if matches!(asked, Asked::Ids(_)) { 2 } else { 1 };
        let name = match &asked {
            Asked::Ids(ids) => format!("one_of_{}_ids", ids.len()),
            a => format!("{a:?}"),
        };
        Self { asked, name, signature: Signature::any(arguments, Volatility::Immutable), matcher: OnceLock::new() }
    }

    fn run(&self, args: &[ArrayRef]) -> Result<BooleanArray> {
        let first = args.first().ok_or_else(|| exec_datafusion_err!("a test without a column"))?;
        match &self.asked {
            Asked::Text(p, _) => Ok(self.matcher(p)?.rows(strings(first)?)),
            Asked::Addresses(low, high) => Ok(addresses(strings(first)?, *low, *high)),
            Asked::InText(a) => Ok(in_text(strings(first)?, number_address(*a))),
            Asked::Extra(name, p) => {
                let map = first.as_map_opt().ok_or_else(|| exec_datafusion_err!("extra is no map"))?;
                let matcher = p.as_ref().map(|p| self.matcher(p)).transpose()?;
                extra(map, name, |v| matcher.is_none_or(|m| m.holds(v)))
            }
            Asked::Ids(ids) => {
                let second = args.get(1).and_then(|a| a.as_primitive_opt::<Int64Type>());
                let (Some(epochs), Some(sequences)) = (first.as_primitive_opt::<Int64Type>(), second) else {
                    return Err(exec_datafusion_err!("ids are two numbers"));
                };
                let rows = epochs.values().iter().zip(sequences.values());
                Ok(rows.map(|(e, s)| Some(ids.binary_search(&(*e, *s)).is_ok())).collect())
            }
        }
    }

    fn matcher(&self, p: &Pattern) -> Result<&Matcher> {
        self.matcher
            .get_or_init(|| Matcher::new(p).map_err(|e| e.to_string()))
            .as_ref()
            .map_err(|e| DataFusionError::Execution(e.clone()))
    }
}

fn strings(array: &ArrayRef) -> Result<&StringArray> {
    array.as_string_opt::<i32>().ok_or_else(|| exec_datafusion_err!("this column is no text"))
}

impl ScalarUDFImpl for Predicate {
    fn name(&self) -> &str {
        &self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Column::new(&self.name, DataType::Boolean, false)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        one_or_all(&args.args, Arc::new(self.run(&arrays)?))
    }
}

/// The answer for each row; where the file lacks the column, all arguments are constants, and so is the answer.
fn one_or_all(args: &[ColumnarValue], answer: ArrayRef) -> Result<ColumnarValue> {
    if args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_))) {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
    }
    Ok(ColumnarValue::Array(answer))
}

/// A compiled pattern.
#[derive(Debug)]
pub enum Matcher {
    /// The whole value, folded; true: it is ASCII.
    Whole(String, bool),
    /// Somewhere; searched over all rows at once.
    Within(Regex),
    /// With stars.
    Wild(Regex),
    /// Everything.
    Any,
}

/// An expression that matches this text in any case.
fn expression(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_ascii() {
            out.push_str("(?i-u:");
            out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            out.push(')');
            continue;
        }
        let folded = fold_char(c);
        let mut forms = vec![c, folded];
        forms.extend(folded.to_uppercase().filter(|u| fold_char(*u) == folded));
        forms.sort_unstable();
        forms.dedup();
        let forms: Vec<_> = forms.iter().map(|f| regex::escape(f.encode_utf8(&mut [0; 4]))).collect();
        out.push_str("(?:");
        out.push_str(&forms.join("|"));
        out.push(')');
    }
    out
}

impl Matcher {
    pub fn new(p: &Pattern) -> Result<Self, regex::Error> {
        let compile = |e: &str| RegexBuilder::new(e).size_limit(PATTERN_BYTES_MAX).build();
        Ok(match p {
            Pattern::Whole(t) => Self::Whole(fold(t), t.is_ascii()),
            Pattern::Within(t) if t.is_empty() => Self::Any,
            Pattern::Within(t) => Self::Within(compile(&expression(t))?),
            Pattern::Wild { pieces, .. } if pieces.is_empty() => Self::Any,
            Pattern::Wild { pieces, start, end } => {
                let pieces: Vec<_> = pieces.iter().map(|p| expression(p)).collect();
                let (head, tail) = (if *start { r"\A" } else { "" }, if *end { r"\z" } else { "" });
                Self::Wild(compile(&format!("{head}{}{tail}", pieces.join("(?s-u:.*)")))?)
            }
        })
    }

    pub fn holds(&self, value: &str) -> bool {
        match self {
            Self::Whole(t, true) => value.eq_ignore_ascii_case(t),
            Self::Whole(t, false) => fold(value) == *t,
            Self::Within(r) | Self::Wild(r) => r.is_match(value.as_bytes()),
            Self::Any => true,
        }
    }

    fn rows(&self, column: &StringArray) -> BooleanArray {
        if let Self::Within(r) = self {
            return within(column, r);
        }
        column.iter().map(|v| Some(v.is_some_and(|v| self.holds(v)))).collect()
    }
}

/// Search all values of a column as one text: per-row searching costs more than the search.
fn within(column: &StringArray, regex: &Regex) -> BooleanArray {
    let rows = column.len();
    let mut hits = BooleanBufferBuilder::new(rows);
    hits.append_n(rows, false);
    let ends = column.value_offsets();
    let end_of = |row: usize| ends.get(row + 1).map_or(0, |e| *e as usize);
    let start_of = |row: usize| ends.get(row).map_or(0, |e| *e as usize);
    let values = column.value_data().get(..end_of(rows.saturating_sub(1))).unwrap_or_default();
    let (mut at, mut row) = (start_of(0), 0);
    while row < rows
        && let Some(m) = regex.find_at(values, at)
    {
        row += ends.get(row + 1..).unwrap_or_default().partition_point(|e| (*e as usize) <= m.start());
        if row >= rows {
            break;
        }
        if m.end() <= end_of(row) {
            // A null may have bytes under it.
            hits.set_bit(row, column.is_valid(row));
            at = end_of(row);
            row += 1;
        } else {
            // Half in the next row: no match there or here; look on from the next character.
            at = m.start() + 1;
        }
    }
    BooleanArray::new(hits.finish(), None)
}

fn addresses(column: &StringArray, low: u128, high: u128) -> BooleanArray {
    if column.null_count() == column.len() {
        return std::iter::repeat_n(Some(false), column.len()).collect();
    }
    if low == high {
        let one = number_address(low).to_string();
        return column.iter().map(|v| Some(v == Some(one.as_str()))).collect();
    }
    let mut last = ("", false);
    column
        .iter()
        .map(|v| {
            let Some(v) = v else { return Some(false) };
            if v != last.0 {
                let n = v.parse::<IpAddr>().map(address_number);
                last = (v, n.is_ok_and(|n| low <= n && n <= high));
            }
            Some(last.1)
        })
        .collect()
}

fn in_text(column: &StringArray, address: IpAddr) -> BooleanArray {
    let canonical = address.to_string();
    column.iter().map(|v| Some(v.is_some_and(|v| text::holds_address(v, address, &canonical)))).collect()
}

/// Each row whose vendor field of that name holds.
fn extra(map: &MapArray, name: &str, holds: impl Fn(&str) -> bool) -> Result<BooleanArray> {
    let (keys, values) = (strings(map.keys())?, strings(map.values())?);
    let rows = map.value_offsets().windows(2).enumerate();
    Ok(rows
        .map(|(row, ends)| {
            let [start, end] = ends else { return Some(false) };
            let mut entries = *start as usize..*end as usize;
            Some(
                map.is_valid(row)
                    && entries.any(|i| {
                        keys.value(i).eq_ignore_ascii_case(name) && values.is_valid(i) && holds(values.value(i))
                    }),
            )
        })
        .collect())
}

/// The value of a vendor field, as a function of the engine.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ExtraValue {
    name: String,
    signature: Signature,
}

impl ExtraValue {
    /// The value of this vendor field in the `extra` column.
    pub fn of(name: &str, column: Expr) -> Expr {
        let function = Self { name: name.to_owned(), signature: Signature::any(1, Volatility::Immutable) };
        ScalarUDF::new_from_impl(function).call(vec![column])
    }
}

impl ScalarUDFImpl for ExtraValue {
    fn name(&self) -> &str {
        &self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let map = arrays.first().and_then(|a| a.as_map_opt()).ok_or_else(|| exec_datafusion_err!("extra is no map"))?;
        let (keys, values) = (strings(map.keys())?, strings(map.values())?);
        let mut out = StringBuilder::new();
        for (row, ends) in map.value_offsets().windows(2).enumerate() {
            let [start, end] = ends else { continue };
            let mut entries = *start as usize..*end as usize;
            let hit = entries.find(|i| map.is_valid(row) && keys.value(*i).eq_ignore_ascii_case(&self.name));
            out.append_option(hit.filter(|i| values.is_valid(*i)).map(|i| values.value(i)));
        }
        one_or_all(&args.args, Arc::new(out.finish()))
    }
}

/// For SQL: `in_network(src_ip, '192.0.2.0/24')`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct InNetwork {
    signature: Signature,
}

impl InNetwork {
    pub fn function() -> ScalarUDF {
        let signature = Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable);
        ScalarUDF::new_from_impl(Self { signature })
    }
}

impl ScalarUDFImpl for InNetwork {
    fn name(&self) -> &str {
        "in_network"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [column, networks] = arrays.as_slice() else {
            return Err(exec_datafusion_err!("in_network takes an address and a network"));
        };
        let (column, networks) = (strings(column)?, strings(networks)?);
        let distinct: HashSet<_> = networks.iter().collect();
        let one = match distinct.into_iter().next() {
            Some(Some(n)) if networks.iter().all(|v| v == Some(n)) => n,
            None => return Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(Vec::<bool>::new())))),
            _ => return Err(exec_datafusion_err!("in_network needs one constant network")),
        };
        let (low, high) = crate::query::network(one)
            .ok_or_else(|| exec_datafusion_err!("{one} is no network; write 192.0.2.0/24"))?;
        one_or_all(&args.args, Arc::new(addresses(column, low, high)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Searching all rows as one text gives what searching each row gives.
        #[test]
        fn within_is_row_by_row(
            rows in prop::collection::vec(prop::option::of("[abAB가나é]{0,6}"), 1..40), needle in "[abé가]{1,3}", skip in 0usize..5,
        ) {
            let column = StringArray::from(rows.clone());
            let skip = skip.min(column.len());
            let column = column.slice(skip, column.len() - skip);
            let m = Matcher::new(&Pattern::Within(needle.clone())).unwrap();
            let found: Vec<bool> = m.rows(&column).values().iter().collect();
            let each: Vec<bool> = rows[skip..].iter().map(|r| r.as_ref().is_some_and(|r| fold(r).contains(&fold(&needle)))).collect();
            prop_assert_eq!(found, each);
        }
    }

    #[test]
    fn stars_and_case() {
        let wild = |pieces: &[&str], start, end| {
            Matcher::new(&Pattern::Wild { pieces: pieces.iter().map(|p| (*p).to_owned()).collect(), start, end })
                .unwrap()
        };
        assert!(wild(&["c:\\windows\\", ".exe"], true, true).holds("C:\\Windows\\System32\\cmd.EXE"));
        assert!(!wild(&["windows"], true, false).holds("C:\\Windows"));
        assert!(wild(&["a", "b"], false, false).holds("xxA\n..Byy"));
        assert!(Matcher::new(&Pattern::Whole("ÄRGER".into())).unwrap().holds("ärger"));
        assert!(!Matcher::new(&Pattern::Whole("k".into())).unwrap().holds("\u{212a}"));
    }
}
