-- The tenants. Every other table refers to a business by this id, which is also the `business_id` of its members' tokens.

create table if not exists public.businesses (
  -- The characters of an id are the same everywhere: it becomes part of document keys.
  id text primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
  name text not null check (char_length(name) between 1 and 200),
  created_at timestamptz not null default now()
);

-- Functions of our own live outside `public`, so that the REST interface does not offer them.
create schema if not exists raptorflow;

create or replace function raptorflow.touch() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end
$$;
