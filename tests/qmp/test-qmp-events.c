/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-qemu.h"
#include "json-strict.h"
#include "qmp-commands.h"
#include "qmp-error.h"
#include "qmp-events.h"

#define LIMIT_MS 30000

typedef struct
{
  FakeQemu *fake;
  QmpWait *wait;
  QmpClient *client;
  QmpEventListener *listener;
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr(GIOStream) stream = NULL;

  f->fake = fake_qemu_new ();
  f->wait = qmp_wait_new (NULL, "the fake QEMU", LIMIT_MS);
  stream = fake_qemu_connect (f->fake);
  f->client = qmp_client_open_stream (stream, f->wait, &f->error);
  g_assert_no_error (f->error);
  f->listener = qmp_event_listener_new (f->client, "MIGRATION");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  qmp_event_listener_free (f->listener);
  g_clear_error (&f->error);
  g_clear_object (&f->client);
  fake_qemu_free (f->fake);
  qmp_wait_free (f->wait);
}

static void
test_before_reply (Fixture *f, gconstpointer data)
{
  g_assert_null (qmp_event_listener_last (f->listener));
  fake_qemu_event_before (f->fake, "migrate-continue", "MIGRATION", "{'status': 'device'}");
  fake_qemu_event_before (f->fake, "migrate-continue", "STOP", NULL);
  g_assert_true (qmp_migrate_continue (f->client, f->wait, &f->error));
  g_assert_cmpuint (qmp_event_listener_count (f->listener), ==, 1);
  g_assert_true (qmp_event_listener_wait (f->listener, 1, f->wait, &f->error));
  g_assert_cmpstr (json_strict_string (qmp_event_listener_last (f->listener)->data, "status", NULL), ==, "device");
  g_assert_cmpint (qmp_event_listener_last (f->listener)->timestamp_us, >, 0);
}

static void
test_later (Fixture *f, gconstpointer data)
{
  fake_qemu_event (f->fake, "MIGRATION", "{'status': 'setup'}");
  fake_qemu_event (f->fake, "RESUME", NULL);
  fake_qemu_event (f->fake, "MIGRATION", "{'status': 'active'}");
  fake_qemu_event (f->fake, "MIGRATION", NULL);
  g_assert_true (qmp_event_listener_wait (f->listener, 2, f->wait, &f->error));
  g_assert_no_error (f->error);
  g_assert_true (qmp_event_listener_wait (f->listener, 3, f->wait, &f->error));
  g_assert_null (qmp_event_listener_last (f->listener)->data);
  g_assert_cmpuint (qmp_event_listener_count (f->listener), ==, 3);
}

static void
test_hang_up (Fixture *f, gconstpointer data)
{
  fake_qemu_event (f->fake, "MIGRATION", NULL);
  fake_qemu_hang_up (f->fake);
  g_assert_false (qmp_event_listener_wait (f->listener, 2, f->wait, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_CLOSED);
  g_assert_cmpstr (f->error->message, ==, "event MIGRATION did not come: QEMU closed the connection");
  /* What came before stays true. */
  g_clear_error (&f->error);
  g_assert_true (qmp_event_listener_wait (f->listener, 1, f->wait, &f->error));
}

static void
test_timeout (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpWait) brief = qmp_wait_new_within (f->wait, "the end", 10);

  g_assert_false (qmp_event_listener_wait (f->listener, 1, brief, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_TIMEOUT);
}

static void
test_free_early (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->listener, qmp_event_listener_free);
  fake_qemu_event_before (f->fake, "stop", "MIGRATION", "{'status': 'device'}");
  g_assert_true (qmp_stop (f->client, f->wait, &f->error));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(path, func) g_test_add ("/qmp-events/" path, Fixture, NULL, set_up, func, tear_down)
  TEST ("before-reply", test_before_reply);
  TEST ("later", test_later);
  TEST ("hang-up", test_hang_up);
  TEST ("timeout", test_timeout);
  TEST ("free-early", test_free_early);
  return g_test_run ();
}
