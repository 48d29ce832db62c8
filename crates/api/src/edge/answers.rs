//! How are a query's answers described? From the tables' own lists of columns.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use anamnesis_projections::kernel::{Class, ColumnInfo, Row, TableInfo};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, SchemaFormat, SchemaType};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::{Accepted, Problem};

/// The answers of a query for one row of `R`.
pub(crate) struct RowAnswers<R>(PhantomData<fn() -> R>);

/// The answers of a query for a page of rows of `R`.
pub(crate) struct ListAnswers<R>(PhantomData<fn() -> R>);

impl<R: Row> IntoResponses for RowAnswers<R> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let found = answer("What is known.", of_row(R::TABLE)).header("ETag", header("its sequence: send it as If-Match")).build();
        answers(found, &[NOT_FOUND])
    }
}

impl<R: Row> IntoResponses for ListAnswers<R> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let next = ObjectBuilder::new().schema_type(nullable(Type::String)).description(Some("the cursor of the next page; null: there is no more"));
        let page = ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(of_row(R::TABLE)))
            .required("items")
            .property("next", next)
            .required("next")
            .build();
        answers(answer("A page.", RefOr::T(page.into())).build(), &[])
    }
}

/// What can be wrong with a query.
pub(crate) struct QueryProblems;

impl IntoResponses for QueryProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let all = PROBLEMS.iter().chain(&[NOT_FOUND]);
        all.map(|(status, description)| (status.to_string(), RefOr::T(problem(description)))).collect()
    }
}

const NOT_FOUND: (u16, &str) = (404, "Not there, or not to be seen.");
const PROBLEMS: &[(u16, &str)] = &[
    (401, "Not signed in."),
    (403, "Not allowed."),
    (422, "A parameter is invalid, or a moment is in the future."),
    (429, "Asked for too often: wait as long as Retry-After says."),
    (503, "Not reached yet, or not available: try again."),
];

fn answer(description: &str, schema: RefOr<Schema>) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .header("Anamnesis-Position", header("the position in the log that the answer reflects"))
}

fn header(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).description(Some(description)).build()
}

fn answers(found: Response, others: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let all = PROBLEMS.iter().chain(others).map(|(status, description)| (status.to_string(), RefOr::T(problem(description))));
    std::iter::once(("200".to_owned(), RefOr::T(found))).chain(all).collect()
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name(Problem::name());
    ResponseBuilder::new().description(description).content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build()).build()
}

fn of_row(table: TableInfo) -> RefOr<Schema> {
    Ref::from_schema_name(name(table)).into()
}

/// The name of a table's rows in the description.
fn name(table: TableInfo) -> String {
    format!("rows.{}", table.name)
}

/// The schemas that the answers name: every table's rows, and what commands and problems look like.
pub(crate) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas: Vec<_> =
        anamnesis_projections::ALL.iter().flat_map(|projection| projection.tables).map(|table| described(table.info())).collect();
    schemas.push((Problem::name().into_owned(), Problem::schema()));
    schemas.push((Accepted::name().into_owned(), Accepted::schema()));
    schemas
}

fn described(table: TableInfo) -> (String, RefOr<Schema>) {
    let meta = [
        ("sequence", of_type(Type::Integer).description(Some("how many events its stream had when it last changed"))),
        ("position", of_type(Type::Integer).description(Some("where in the log the event stands that changed it last"))),
        ("created_at", time().description(Some("when its first event was logged"))),
        ("updated_at", time().description(Some("when its last event was logged"))),
    ];
    let own = table.columns.iter().filter(|column| column.class != Class::Blind).map(|column| (column.name, of_column(column)));
    let mut row = ObjectBuilder::new();
    for (name, schema) in own.chain(meta) {
        row = row.property(name, schema).required(name);
    }
    let erased = of_type(Type::Boolean).description(Some("true when the subject was erased: what was sealed is null then"));
    (name(table), RefOr::T(row.property("erased", erased).build().into()))
}

fn of_column(column: &ColumnInfo) -> ObjectBuilder {
    if column.class == Class::Sealed {
        return ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("sealed where it is stored; null: there is none"));
    }
    let (kind, format) = match column.sql {
        "uuid" => (Type::String, Some(KnownFormat::Uuid)),
        "timestamptz" => (Type::String, Some(KnownFormat::DateTime)),
        "date" => (Type::String, Some(KnownFormat::Date)),
        "boolean" => (Type::Boolean, None),
        "integer" | "bigint" => (Type::Integer, None),
        "double precision" => (Type::Number, None),
        list if list.ends_with("[]") => (Type::Array, None),
        _ => (Type::String, None),
    };
    let kind = if column.nullable { nullable(kind) } else { kind.into() };
    ObjectBuilder::new().schema_type(kind).format(format.map(SchemaFormat::KnownFormat))
}

fn nullable(kind: Type) -> SchemaType {
    SchemaType::from_iter([kind, Type::Null])
}

fn of_type(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn time() -> ObjectBuilder {
    of_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}
