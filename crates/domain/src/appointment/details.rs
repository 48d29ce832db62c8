//! What is arranged, what was found, what happened elsewhere?

use serde::{Deserialize, Serialize};

use crate::{
    Address, Code, Coding, Date, FacilityId, Instant, InvalidValue, Line, PatientId, ProviderId, Text, TimeZone, choices::choices, redact::redacted,
    values::Bounded,
};

choices! {
    /// Where an appointment is on its way.
    pub enum AppointmentStatus {
        Scheduled = "SCHEDULED",
        Confirmed = "CONFIRMED",
        CheckedIn = "CHECKED_IN",
        InProgress = "IN_PROGRESS",
        Completed = "COMPLETED",
        Cancelled = "CANCELLED",
        NoShow = "NO_SHOW",
    }
}

choices! {
    /// What an appointment is for.
    pub enum AppointmentType {
        Consultation = "CONSULTATION",
        FollowUp = "FOLLOW_UP",
        Checkup = "CHECKUP",
        Emergency = "EMERGENCY",
        Telehealth = "TELEHEALTH",
        Procedure = "PROCEDURE",
        Vaccination = "VACCINATION",
        Lab = "LAB",
        Other = "OTHER",
    }
}

choices! {
    /// Who called an appointment off.
    pub enum CancelledBy {
        Patient = "PATIENT",
        Provider = "PROVIDER",
        Facility = "FACILITY",
        Other = "OTHER",
    }
}

choices! {
    /// How a visit elsewhere or in the past stands (FHIR's `encounter-status`, as far as it has happened).
    pub enum VisitStatus {
        InProgress = "IN_PROGRESS",
        Finished = "FINISHED",
        Cancelled = "CANCELLED",
        Unknown = "UNKNOWN",
    }
}

choices! {
    /// What a patient is told about an appointment, once each.
    pub enum Reminder {
        Confirmation = "CONFIRMATION",
        DayBefore = "DAY_BEFORE",
    }
}

/// An appointment to be.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAppointment {
    /// Who comes.
    pub patient_id: PatientId,
    /// To whom.
    pub provider_id: ProviderId,
    /// Where, as an institution.
    #[serde(default)]
    pub facility_id: Option<FacilityId>,
    /// What for.
    pub appointment_type: AppointmentType,
    /// When.
    pub scheduled_at: Instant,
    /// How long.
    #[serde(default)]
    pub duration_minutes: DurationMinutes,
    /// The time zone in which people speak of it.
    #[serde(default)]
    pub time_zone: TimeZone,
    /// Where, as a place.
    #[serde(default)]
    pub location: Option<Location>,
    /// Why.
    #[serde(default)]
    pub reason: Option<Text>,
}

/// Another time for an appointment, and another provider or place if they are given.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTime {
    /// When.
    pub scheduled_at: Instant,
    /// How long; none: as long as before.
    #[serde(default)]
    pub duration_minutes: Option<DurationMinutes>,
    /// The time zone in which people speak of it; none: as before.
    #[serde(default)]
    pub time_zone: Option<TimeZone>,
    /// To whom; none: as before.
    #[serde(default)]
    pub provider_id: Option<ProviderId>,
    /// Where; none: as before.
    #[serde(default)]
    pub location: Option<Location>,
    /// Why it was moved.
    #[serde(default)]
    pub reason: Option<Text>,
}

/// What an appointment is, apart from its time.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AppointmentDetails {
    /// What for.
    pub appointment_type: AppointmentType,
    /// Where, as an institution.
    #[serde(default)]
    pub facility_id: Option<FacilityId>,
    /// Why.
    #[serde(default)]
    pub reason: Option<Text>,
}

impl AppointmentDetails {
    /// Those of an appointment.
    pub fn of(appointment: &NewAppointment) -> Self {
        Self { appointment_type: appointment.appointment_type, facility_id: appointment.facility_id, reason: appointment.reason.clone() }
    }
}

/// What an appointment led to.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Outcome {
    /// What the patient complained of.
    pub symptoms: Vec<Text>,
    /// What was found, in words.
    pub diagnosis: Option<Text>,
    /// What was found, as codes.
    pub diagnosis_codes: Vec<Code>,
    /// What is to be done.
    pub treatment_plan: Option<Text>,
    /// More about it.
    pub notes: Option<Text>,
    /// When the patient should come again.
    pub follow_up_date: Option<Date>,
}

/// Why an appointment is called off.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// Why.
    pub reason: Text,
    /// By whom.
    pub cancelled_by: CancelledBy,
}

/// A visit that happened, here or elsewhere: a FHIR Encounter. It takes no time of anybody's.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewVisit {
    /// Who came.
    pub patient_id: PatientId,
    /// To whom.
    #[serde(default)]
    pub provider_id: Option<ProviderId>,
    /// Where, as an institution.
    #[serde(default)]
    pub facility_id: Option<FacilityId>,
    /// How it stands.
    pub status: VisitStatus,
    /// What kind of encounter: ambulatory, emergency, inpatient (v3 ActCode).
    #[serde(default)]
    pub class: Option<Coding>,
    /// What it was for.
    #[serde(default)]
    pub types: Vec<Code>,
    /// Why.
    #[serde(default)]
    pub reasons: Vec<Code>,
    /// From when.
    pub started_at: Instant,
    /// Until when.
    #[serde(default)]
    pub ended_at: Option<Instant>,
}

/// A place as people find it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Location {
    /// Its name: `Building C`.
    pub name: Option<Line>,
    /// The room.
    pub room: Option<Line>,
    /// The address.
    pub address: Option<Address>,
    /// Where to dial in.
    pub url: Option<Line>,
}

redacted!(NewAppointment, NewTime, AppointmentDetails, Outcome, Cancellation, NewVisit, Location);

/// How long an appointment takes: 5 minutes to a day; 30 minutes unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = u16, minimum = 5, maximum = 1440))]
#[serde(try_from = "u16", into = "u16")]
pub struct DurationMinutes(u16);

impl DurationMinutes {
    /// The number of minutes.
    pub fn get(self) -> u16 {
        self.0
    }

    /// When it is over that begins at `start`.
    pub fn after(self, start: Instant) -> Instant {
        start.plus_minutes(u32::from(self.0))
    }
}

impl Default for DurationMinutes {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<u16> for DurationMinutes {
    type Error = InvalidValue;

    fn try_from(minutes: u16) -> Result<Self, InvalidValue> {
        if (5..=1_440).contains(&minutes) { Ok(Self(minutes)) } else { Err(InvalidValue("must be 5 to 1440 minutes")) }
    }
}

impl From<DurationMinutes> for u16 {
    fn from(duration: DurationMinutes) -> Self {
        duration.0
    }
}

impl Bounded for Location {
    fn is_bounded(&self) -> bool {
        self.address.is_bounded()
    }
}

impl Bounded for Outcome {
    fn is_bounded(&self) -> bool {
        self.symptoms.is_bounded() && self.diagnosis_codes.is_bounded()
    }
}

impl Bounded for NewVisit {
    fn is_bounded(&self) -> bool {
        self.class.is_bounded() && self.types.is_bounded() && self.reasons.is_bounded()
    }
}
