-- Under which ids does the registry know each version of the envelope?

-- A topic's subject gets another version when the envelope grows, with an id of its own; records under the earlier ones stay.
alter table journal.registered_schemas drop constraint registered_schemas_once;
alter table journal.registered_schemas add constraint registered_schemas_once primary key (subject, fingerprint);
