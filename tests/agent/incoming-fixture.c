/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "incoming-fixture.h"

#include "json-strict.h"
#include "qmig-cmdline.h"

QmigIncomingSpec *
incoming_spec_new (AgentFixture *f, const char *migration, gint64 lease_ms)
{
  g_autofree char *qemu = g_find_program_in_path ("qemu-system-x86_64");
  g_autofree char *name = g_strconcat ("vm-", migration, NULL);
  const char *argv[] = { qemu,          "-name",    name,   "-machine", "q35",       "-m",    "16",
                         "-nodefaults", "-display", "none", "-S",       "-incoming", "defer", NULL };
  QmigIncomingSpec *spec;

  if (qemu == NULL)
    {
      g_test_skip ("there is no qemu-system-x86_64 here");
      return NULL;
    }

  spec = qmig_incoming_spec_new ();
  spec->migration = g_strdup (migration);
  spec->vm_name = g_strdup (name);
  spec->source = g_strdup ("elsewhere");
  spec->run_dir = g_build_filename (f->runtime, "vm", migration, NULL);
  spec->qmp = g_build_filename (spec->run_dir, "qmig.qmp", NULL);
  spec->argv = qmig_cmdline_with_monitor (argv, spec->qmp);
  spec->memory_bytes = 16 * 1024 * 1024;
  spec->lease_ms = lease_ms;
  spec->transport = g_strdup ("unix");
  return spec;
}

static QmigIncoming *
read_incoming (JsonObject *object)
{
  GError *error = NULL;
  QmigIncoming *incoming = qmig_incoming_from_object (object, &error);

  g_assert_no_error (error);
  json_object_unref (object);
  return incoming;
}

QmigIncoming *
incoming_prepare (AgentFixture *f, const QmigIncomingSpec *spec)
{
  g_autofree char *body = qmig_incoming_spec_to_text (spec);

  return read_incoming (agent_fixture_call (f, "POST", "/v1/incoming", body));
}

QmigIncoming *
incoming_get (AgentFixture *f, const char *migration, const char *query)
{
  g_autofree char *path = g_strdup_printf ("/v1/incoming/%s%s", migration, query);

  return read_incoming (agent_fixture_call (f, "GET", path, NULL));
}

QmigIncoming *
incoming_act (AgentFixture *f, const char *migration, const char *action)
{
  g_autofree char *path = qmig_client_path ("/v1/incoming/%s/actions/%s", migration, action);

  return read_incoming (agent_fixture_call (f, "POST", path, NULL));
}

gboolean
incoming_is_reserved (AgentFixture *f, const char *migration)
{
  g_autoptr(QmigJournal) journal = agent_fixture_journal (f);
  GError *error = NULL;
  QmigReservation *reservation = qmig_journal_load_reservation (journal, migration, &error);
  gboolean reserved = reservation != NULL;

  g_assert_no_error (error);
  g_clear_pointer (&reservation, qmig_reservation_free);
  return reserved;
}

void
incoming_wait_ended (AgentFixture *f, const char *migration)
{
  for (int i = 0; incoming_is_reserved (f, migration); i++)
    {
      g_assert_cmpint (i, <, PATIENCE_MS / 5);
      g_usleep (5000);
    }
}

void
incoming_assert_nothing_left (AgentFixture *f, const QmigIncomingSpec *spec)
{
  g_autoptr(QmigIncoming) now = incoming_get (f, spec->migration, "");

  g_assert_cmpint (now->phase, ==, QMIG_INCOMING_GONE);
  g_assert_false (incoming_is_reserved (f, spec->migration));
  g_assert_false (g_file_test (spec->run_dir, G_FILE_TEST_EXISTS));
}
