use anamnesis_domain::appointment::{AppointmentEvent, NewVisit, VisitRecorded, VisitStatus};
use anamnesis_domain::{Opened, Origin, Recorded};
use anamnesis_projections::appointments::{AppointmentRow, Appointments};
use anamnesis_projections::kernel::fold_until;

use super::*;

const BY_TIME: Order = Order::oldest_first("scheduled_at");

fn visit(id: u128, second: i64, status: VisitStatus) -> Recorded {
    let at = Instant::from_micros(second * 1_000_000);
    let visit = NewVisit {
        patient_id: Uuid::from_u128(0xa).into(),
        provider_id: None,
        facility_id: None,
        status,
        class: None,
        types: Vec::new(),
        reasons: Vec::new(),
        started_at: at,
        ended_at: None,
    };
    Recorded {
        position: 1,
        logged_at: at,
        recorded_at: at,
        organization_id: Uuid::from_u128(0xb),
        aggregate_type: "appointment",
        aggregate_id: Uuid::from_u128(id),
        sequence: 1,
        event_id: Uuid::from_u128(id),
        event_type: "VisitRecorded".to_owned(),
        subject_id: Uuid::from_u128(0xa),
        command_id: Uuid::nil(),
        correlation_id: Uuid::nil(),
        causation_id: None,
        actor_id: Uuid::nil(),
        event: Opened::Value(AppointmentEvent::from(VisitRecorded { visit, recorded_at: at }).into()),
        origin: Opened::Value(Origin::default()),
    }
}

/// Four visits; the two middle ones began at the same time.
fn rows() -> Vec<Stamped<AppointmentRow>> {
    let finished = VisitStatus::Finished;
    let events = [visit(4, 10, finished), visit(3, 20, finished), visit(2, 20, VisitStatus::InProgress), visit(1, 30, finished)];
    fold_until::<Appointments>(&events).unwrap()
}

fn ids(page: &Page<AppointmentRow>) -> Vec<u128> {
    page.rows.iter().map(|row| row.row.appointment_id.0.as_u128()).collect()
}

#[test]
fn rows_stand_in_the_order_of_time_and_then_of_their_keys() {
    assert_eq!(ids(&Query::new(BY_TIME, 9).pick(rows())), [4, 2, 3, 1]);
    assert_eq!(ids(&Query::new(Order::newest_first("scheduled_at"), 9).pick(rows())), [1, 3, 2, 4]);
}

#[test]
fn pages_follow_one_another_without_a_gap_in_both_directions() {
    for (order, all) in [(BY_TIME, [4, 2, 3, 1]), (Order::newest_first("scheduled_at"), [1, 3, 2, 4])] {
        for limit in 1..5 {
            let (mut seen, mut mark) = (Vec::new(), None);
            loop {
                let page = Query::new(order, limit).after(mark).pick(rows());
                seen.extend(ids(&page));
                mark = page.next;
                if mark.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "{limit} at a time");
        }
    }
}

#[test]
fn all_conditions_must_hold() {
    let at = |second: i64| Some(Instant::from_micros(second * 1_000_000));
    let query = || Query::new(BY_TIME, 9);
    assert_eq!(ids(&query().is("visit_status", Some(VisitStatus::Finished)).pick(rows())), [4, 3, 1]);
    assert_eq!(ids(&query().from("scheduled_at", at(20)).pick(rows())), [2, 3, 1]);
    assert_eq!(ids(&query().before("scheduled_at", at(20)).pick(rows())), [4]);
    assert_eq!(
        ids(&query().is("visit_status", Some(VisitStatus::Finished)).from("scheduled_at", at(20)).before("scheduled_at", at(30)).pick(rows())),
        [3]
    );
    assert_eq!(ids(&query().is("visit_status", None::<VisitStatus>).from("scheduled_at", None).pick(rows())), [4, 2, 3, 1]);
    assert_eq!(ids(&query().among("appointment_id", [1, 4, 9].map(Uuid::from_u128)).pick(rows())), [4, 1]);
    assert_eq!(ids(&query().up_to("position", 0).pick(rows())), [0_u128; 0]);
    assert_eq!(ids(&query().up_to("position", 1).pick(rows())), [4, 2, 3, 1]);
    assert_eq!(ids(&query().is("provider_id", Some(Uuid::nil())).pick(rows())), [0_u128; 0]);
    assert_eq!(ids(&query().not_over("scheduled_at", at(20)).pick(rows())), [1]);
    assert_eq!(ids(&query().not_over("checked_in_at", at(20)).pick(rows())), [4, 2, 3, 1], "what has no end isn't over");
    assert_eq!(ids(&query().over("scheduled_at", at(20)).pick(rows())), [4, 2, 3]);
    assert_eq!(ids(&query().over("checked_in_at", at(20)).pick(rows())), [0_u128; 0], "what has no end isn't over");
    assert_eq!(ids(&query().is_or_none("checked_in_at", Some("2020-01-01T00:00:00Z")).pick(rows())), [4, 2, 3, 1]);
    assert_eq!(ids(&query().is_or_none("visit_status", Some(VisitStatus::InProgress)).pick(rows())), [2]);
    assert_eq!(ids(&query().holds("codes", Some("s|1")).pick(rows())), [0_u128; 0]);
}

#[test]
fn of_what_another_query_found_only_the_rest_is_asked() {
    let whole = Query::new(BY_TIME, 9).hashed("name_index", Some(vec![7])).from("scheduled_at", Some(Instant::from_micros(0)));
    let narrower = whole.clone().is("visit_status", Some(VisitStatus::Finished));
    assert_eq!(ids(&narrower.pick(rows())), [0_u128; 0], "folded rows have no hashes");
    assert_eq!(ids(&narrower.within(&whole).pick(rows())), [4, 3, 1]);
}

#[test]
fn what_is_asked_for_is_not_in_what_is_logged() {
    let query = Query::new(BY_TIME, 9).is("status", Some("Glover")).hashed("name_index", Some(b"Glover".to_vec()));
    assert!(!format!("{query:?}").contains("Glover"));
}

/// Or Postgres, which can't know how rare a word is, goes through a million rows in order.
#[test]
fn rows_with_words_stand_in_an_order_that_no_index_has() {
    let order_of = |query: Query| {
        let mut sql = QueryBuilder::new("");
        query.write::<AppointmentRow>(&mut sql, Uuid::nil());
        sql.sql().to_string().split_once(" order by ").unwrap().1.to_owned()
    };
    let backwards = Query::new(Order::newest_first("scheduled_at"), 9);
    assert_eq!(order_of(backwards.clone()), "scheduled_at desc, appointment_id desc limit $2");
    assert_eq!(order_of(backwards.clone().worded(vec![])), order_of(backwards.clone()));
    assert_eq!(order_of(backwards.worded(vec![7])), "scheduled_at + interval '0' desc, appointment_id desc limit $2");
    assert_eq!(order_of(Query::new(Order::largest_first("position"), 9).worded(vec![7])), "position + 0 desc, appointment_id desc limit $2");
}
