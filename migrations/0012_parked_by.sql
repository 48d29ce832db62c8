-- Which version of the program found that it can't take a parked event?
--
-- Another one may know the schema, or have a fold that was corrected: so whoever takes the projection over with another version
-- tries it again, once. Of what was parked before there were versions nobody knows: it is tried once as well.

alter table journal.parked add column program text;
comment on column journal.parked.program is 'the version of the program that tried it last';
