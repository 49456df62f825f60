-- What the peers need beside Bursar's tables: an own schema, which goes when the data directory does.
DROP SCHEMA IF EXISTS peers CASCADE;
CREATE SCHEMA peers;

-- The condition under which Bursar lists teams to whoever is no admin of the platform: their ids first.
CREATE FUNCTION peers.viewer_teams(viewer text) RETURNS SETOF public.teams
LANGUAGE sql STABLE AS $$
  SELECT * FROM public.teams WHERE id = ANY (ARRAY(
    SELECT id FROM public.teams
    WHERE id = ANY (ARRAY(SELECT team_id FROM public.team_members WHERE user_id = viewer))
       OR organization_id = ANY (ARRAY(
         SELECT organization_id FROM public.organization_members
         WHERE user_id = viewer AND role IN ('ADMIN', 'VIEWER')
       ))
  ))
  ORDER BY name_key, id
$$;

-- An audit as Bursar's, with its indexes, but not chained by hashes.
CREATE TABLE peers.audit_entries (LIKE public.audit_entries INCLUDING ALL);
ALTER TABLE peers.audit_entries
  DROP COLUMN position, DROP COLUMN previous_hash, DROP COLUMN hash;

-- Both rows in one statement, and so in one transaction and one round trip.
CREATE FUNCTION peers.add_team_member(team text, person text) RETURNS public.team_members
LANGUAGE sql VOLATILE AS $$
  WITH added AS (
    INSERT INTO public.team_members (id, team_id, user_id, role)
    VALUES ('member_' || gen_random_uuid(), team, person, 'MEMBER') RETURNING *
  ), told AS (
    INSERT INTO peers.audit_entries (id, action, object_id, organization_id, team_id, after)
    SELECT 'audit_' || gen_random_uuid(), 'team_member.add', added.id, teams.organization_id,
      teams.id, jsonb_build_object('id', added.id, 'userId', person, 'role', added.role)
    FROM added JOIN public.teams ON teams.id = added.team_id
  )
  SELECT * FROM added
$$;

-- Partial unique indexes are no constraints, from which PostGraphile would know that there is one row at
-- most: its smart comments say so (https://postgraphile.org/postgraphile/5/smart-tags).
COMMENT ON TABLE public.budgets IS E'@unique team_id\n@unique default_of_team_id\n@unique team_member_id';
