/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writers that are killed, that run out of room for real, and that write at the same time. */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal-fixture.h"

#define ROUNDS 30
#define EXIT_CANNOT 77

/* -- killed ----------------------------------------------------------------------- */

/* What the child has been promised so far. */
typedef struct
{
  gint64 step;
  gint64 event;
} Promise;

static void
give (int fd, Promise promise)
{
  if (write (fd, &promise, sizeof promise) != sizeof promise)
    _exit (1);
}

static void
write_until_killed (Fixture *f, int fd, Promise now)
{
  fixture_open (f);
  if (now.event == 0)
    {
      g_autoptr(QmigJournalEntry) known = qmig_journal_load (f->journal, "m-1", NULL);

      if (known == NULL)
        fixture_create (f, "m-1", 1);
    }

  for (;;)
    {
      gint64 n = now.event + 1;
      g_autofree char *step = g_strdup_printf ("step-%" G_GINT64_FORMAT, n);

      fixture_add_event (f->journal, "m-1", n, "sample", "{\"stage\": \"pre-copy\"}");
      now.event = n;
      give (fd, now);
      if (!qmig_journal_begin (f->journal, "m-1", step, QMIG_BEGIN_STEP, NULL))
        _exit (1);
      now.step = n;
      give (fd, now);
    }
}

/* The last promise made before the child died, or @before when there was none. */
static Promise
take_promises (int fd, Promise before, int kill_after, pid_t child)
{
  Promise promise;

  for (int n = 0;; n++)
    {
      if (n == kill_after)
        g_assert_cmpint (kill (child, SIGKILL), ==, 0);
      if (read (fd, &promise, sizeof promise) != sizeof promise)
        return before;
      before = promise;
    }
}

static Promise
run_round (Fixture *f, Promise before, int kill_after)
{
  int fds[2], status;
  pid_t child;

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      close (fds[0]);
      write_until_killed (f, fds[1], before);
    }

  close (fds[1]);
  before = take_promises (fds[0], before, kill_after, child);
  close (fds[0]);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  return before;
}

/* What is there now: at least what was promised, and no more than one act beyond it. */
static Promise
assert_kept (Fixture *f, Promise promised)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;
  Promise found;

  fixture_open (f);
  entry = qmig_journal_load (f->journal, "m-1", &error);
  fixture_close (f);
  if (promised.event == 0 && g_error_matches (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND))
    return promised;

  g_assert_no_error (error);
  found.step = entry->step == NULL ? 0 : g_ascii_strtoll (entry->step + strlen ("step-"), NULL, 10);
  found.event = entry->last_seq;
  g_assert_cmpint (found.step, >=, promised.step);
  g_assert_cmpint (found.step, <=, found.event);
  g_assert_cmpint (found.event, >=, promised.event);
  g_assert_cmpint (found.event, <=, promised.event + 1);
  return found;
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  Promise state = { 0, 0 };

  for (int round = 0; round < ROUNDS; round++)
    state = assert_kept (f, run_round (f, state, g_test_rand_int_range (1, 60)));
  g_assert_cmpint (state.step, >, 0);
}

/* Before the first promise: while the file is being made and opened. */
static void
test_killed_while_opening (Fixture *f, gconstpointer data)
{
  g_autofree char *top = g_path_get_dirname (f->dir);

  for (int round = 0; round < ROUNDS; round++)
    {
      Fixture fresh = { 0 };
      Promise nothing = { 0, 0 };
      g_autofree char *name = g_strdup_printf ("round-%d", round);
      int spins = g_test_rand_int_range (0, 200000);

      fresh.dir = g_build_filename (top, name, NULL);
      for (volatile int i = 0; i < spins; i++)
        ;
      assert_kept (&fresh, run_round (&fresh, nothing, 0));
      g_free (fresh.dir);
    }
}

/* -- cut off in the middle ----------------------------------------------------------- */

/* The files as they are while others have them open, and one is in the middle of a write. */
static void
test_copied_midway (Fixture *f, gconstpointer data)
{
  g_autofree char *copy_dir = g_strconcat (f->dir, "-copy", NULL);
  g_autofree char *index = g_build_filename (copy_dir, "journal.db-shm", NULL);
  g_autoptr(QmigJournal) copy = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *log = g_build_filename (copy_dir, "journal.db-wal", NULL);
  sqlite3 *other = NULL;
  GStatBuf info;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "commit", QMIG_BEGIN_INTENT, &error));
  fixture_add_event (f->journal, "m-1", 1, "log", "{}");

  g_assert_cmpint (sqlite3_open (f->path, &other), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (other, "PRAGMA cache_size = 1; BEGIN IMMEDIATE;"
                                        "UPDATE migration SET step = 'torn', commit_intent = 0;"
                                        "INSERT INTO event SELECT 'm-1', value, 'log', hex (zeroblob (4000))"
                                        " FROM json_each ('[2,3,4,5,6,7,8,9]');", NULL, NULL, NULL), ==, SQLITE_OK);
  fixture_copy (f->dir, copy_dir);
  sqlite3_close (other);
  /* The index of the log lives in memory and does not outlast a power cut. */
  g_remove (index);
  /* The torn write is in there, eight events of 8000 bytes. */
  g_assert_cmpint (g_stat (log, &info), ==, 0);
  g_assert_cmpint (info.st_size, >, 50000);

  copy = qmig_journal_open (copy_dir, &error);
  g_assert_no_error (error);
  entry = qmig_journal_load (copy, "m-1", &error);
  g_assert_cmpstr (entry->step, ==, "commit");
  g_assert_true (entry->commit_intent);
  g_assert_cmpint (entry->last_seq, ==, 1);
}

/* -- out of room, for real -------------------------------------------------------------- */

/* Writes events until there is no more room; what was acknowledged by then. */
static gint64
fill_up (Fixture *f, const char *words)
{
  g_autofree char *filler = g_strnfill (2000, 'x');
  g_autofree char *text = g_strdup_printf ("{\"text\": \"%s\"}", filler);

  for (gint64 seq = 1;; seq++)
    {
      g_autoptr(QmigEvent) event = fixture_event ("m-1", seq, "qmp", text);
      g_autoptr(GError) error = NULL;

      if (qmig_journal_add_event (f->journal, event, &error))
        continue;

      g_test_message ("%s", error->message);
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
      g_assert_nonnull (strstr (error->message, words));
      g_assert_nonnull (strstr (error->message, "cannot write the journal"));
      g_assert_nonnull (strstr (error->message, f->path));
      return seq - 1;
    }
}

static void
check_full_disk (Fixture *f, void (*make_room) (Fixture *f))
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;
  gint64 acknowledged;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "precopy", QMIG_BEGIN_STEP, &error));
  acknowledged = fill_up (f, "disk full");
  g_assert_cmpint (acknowledged, >, 10);

  make_room (f);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "switchover", QMIG_BEGIN_STEP, &error));
  g_assert_no_error (error);
  fixture_open (f);
  entry = qmig_journal_load (f->journal, "m-1", &error);
  g_assert_cmpstr (entry->step, ==, "switchover");
  g_assert_cmpint (entry->last_seq, ==, acknowledged);
  fixture_close (f);
}

static void
lift_limit (Fixture *f)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
}

static void
check_size_limit (Fixture *f)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  limit.rlim_cur = 400000;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  check_full_disk (f, lift_limit);
}

static gboolean
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean ok = fd >= 0 && write (fd, text, strlen (text)) == (gssize) strlen (text);

  if (fd >= 0)
    close (fd);
  return ok;
}

/* A user's namespace of its own is where an ordinary user may mount. */
static gboolean
enter_namespace (void)
{
  g_autofree char *users = g_strdup_printf ("0 %d 1", (int) geteuid ());
  g_autofree char *groups = g_strdup_printf ("0 %d 1", (int) getegid ());

  if (geteuid () == 0 && unshare (CLONE_NEWNS) == 0)
    return TRUE;
  return unshare (CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text ("/proc/self/setgroups", "deny") &&
         write_text ("/proc/self/uid_map", users) && write_text ("/proc/self/gid_map", groups);
}

static void
drop_ballast (Fixture *f)
{
  g_autofree char *ballast = g_build_filename (f->dir, "ballast", NULL);

  g_assert_cmpint (g_unlink (ballast), ==, 0);
}

static void
check_small_disk (Fixture *f)
{
  g_autofree char *ballast = g_build_filename (f->dir, "ballast", NULL);
  g_autofree char *content = g_strnfill (300000, 'x');

  g_assert_cmpint (g_mkdir (f->dir, 0700), ==, 0);
  if (!enter_namespace () || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount ("tmpfs", f->dir, "tmpfs", 0, "size=1m,mode=0700") != 0)
    _exit (EXIT_CANNOT);

  g_assert_true (g_file_set_contents (ballast, content, -1, NULL));
  check_full_disk (f, drop_ballast);
}

/* Limits and mounts are the child's alone. */
static void
run_in_child (Fixture *f, void (*check) (Fixture *f))
{
  int status;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      check (f);
      _exit (0);
    }

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == EXIT_CANNOT)
    g_test_skip ("mounting is not permitted here");
  else
    g_assert_cmpint (status, ==, 0);
}

static void
test_size_limit (Fixture *f, gconstpointer data)
{
  run_in_child (f, check_size_limit);
}

static void
test_small_disk (Fixture *f, gconstpointer data)
{
  run_in_child (f, check_small_disk);
}

/* -- at the same time ----------------------------------------------------------------------- */

typedef struct
{
  Fixture *fixture;
  int number;
} Writer;

static gpointer
write_migration (gpointer data)
{
  Writer *writer = data;
  Fixture mine = { .dir = writer->fixture->dir };
  g_autofree char *id = g_strdup_printf ("m-%d", writer->number);

  fixture_open (&mine);
  fixture_create (&mine, id, writer->number);
  for (int i = 1; i <= 40; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *step = g_strdup_printf ("step-%d", i);

      fixture_add_event (mine.journal, id, i, "sample", "{\"stage\": \"pre-copy\"}");
      g_assert_true (qmig_journal_begin (mine.journal, id, step, QMIG_BEGIN_STEP, &error));
      g_assert_no_error (error);
    }
  if (writer->number % 2 == 0)
    fixture_end (&mine, id, QMIG_OUTCOME_COMPLETED);
  fixture_close (&mine);
  return NULL;
}

/* Each opens for itself, all at once and the file not there yet. */
static void
test_threads (Fixture *f, gconstpointer data)
{
  Writer writers[6];
  GThread *threads[G_N_ELEMENTS (writers)];
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) open = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (writers); i++)
    {
      writers[i] = (Writer) { f, (int) i + 1 };
      threads[i] = g_thread_new ("writer", write_migration, &writers[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (writers); i++)
    g_thread_join (threads[i]);

  fixture_open (f);
  open = qmig_journal_list_open (f->journal, &error);
  g_assert_cmpstrv (open, ((const char *[]) { "m-1", "m-3", "m-5", NULL }));
  for (gsize i = 0; i < G_N_ELEMENTS (writers); i++)
    {
      g_autofree char *id = g_strdup_printf ("m-%d", writers[i].number);
      g_autoptr(QmigJournalEntry) entry = qmig_journal_load (f->journal, id, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (entry->step, ==, "step-40");
      g_assert_cmpint (entry->last_seq, ==, 40);
    }
}

/* Reading never waits for a writer; writing waits, then says so. */
static void
test_locked (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;
  sqlite3 *other = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  g_assert_cmpint (sqlite3_open (f->path, &other), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (other, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);

  entry = qmig_journal_load (f->journal, "m-1", &error);
  g_assert_no_error (error);
  g_assert_false (qmig_journal_begin (f->journal, "m-1", "check", QMIG_BEGIN_STEP, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, "locked"));
  g_clear_error (&error);

  sqlite3_close (other);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "check", QMIG_BEGIN_STEP, &error));
  g_assert_no_error (error);
}

static void
add (const char *path, void (*test) (Fixture *f, gconstpointer data))
{
  g_test_add (path, Fixture, NULL, fixture_set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Those that fork come first: a child must not inherit threads or connections. */
  add ("/journal-killed/writing", test_killed);
  add ("/journal-killed/opening", test_killed_while_opening);
  add ("/journal-killed/size-limit", test_size_limit);
  add ("/journal-killed/small-disk", test_small_disk);
  add ("/journal-killed/copied-midway", test_copied_midway);
  add ("/journal-killed/threads", test_threads);
  add ("/journal-killed/locked", test_locked);
  return g_test_run ();
}
