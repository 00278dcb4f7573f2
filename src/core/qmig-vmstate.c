/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-vmstate.h"

#include <gio/gio.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "api-error.h"
#include "json-strict.h"

#define DUMP_MS 10000
/* QEMU 7.2 and 10.0 write 800 KiB. */
#define DUMP_BYTES (8 * 1024 * 1024)
/* A host has few binaries, and its VMs few machine types. */
#define KNOWN_MAX 16
/* What of a failed dump's stderr is told. */
#define STDERR_CHARS 512

/* -- what is known already ----------------------------------------------------- */

/* By identity of the file and machine type: type → text of its description.  A table in here is never changed. */
static GHashTable *known;
static GMutex known_lock;

/* (transfer full) (nullable) where the file cannot be looked at */
static char *
make_key (const char *binary, const char *machine)
{
  struct stat st;

  if (stat (binary, &st) != 0)
    return NULL;
  return g_strdup_printf ("%ju:%ju:%jd:%jd.%ld %s", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino, (intmax_t) st.st_size,
                          (intmax_t) st.st_mtim.tv_sec, st.st_mtim.tv_nsec, machine);
}

/* (transfer full) (nullable) */
static GHashTable *
find_known (const char *key)
{
  GHashTable *found;

  g_mutex_lock (&known_lock);
  found = known != NULL ? g_hash_table_lookup (known, key) : NULL;
  if (found != NULL)
    g_hash_table_ref (found);
  g_mutex_unlock (&known_lock);
  return found;
}

static void
keep (const char *key, GHashTable *descriptions)
{
  g_mutex_lock (&known_lock);
  if (known == NULL)
    known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref);
  if (g_hash_table_size (known) >= KNOWN_MAX)
    g_hash_table_remove_all (known);
  g_hash_table_insert (known, g_strdup (key), g_hash_table_ref (descriptions));
  g_mutex_unlock (&known_lock);
}

/* -- asking ---------------------------------------------------------------------- */

typedef struct
{
  GSubprocess *process;
  gboolean over;
  GBytes *out;
  GBytes *err;
  GError *error;
} Dump;

static void
dump_clear (Dump *self)
{
  g_clear_object (&self->process);
  g_clear_pointer (&self->out, g_bytes_unref);
  g_clear_pointer (&self->err, g_bytes_unref);
  g_clear_error (&self->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Dump, dump_clear)

static void
on_over (GObject *source, GAsyncResult *result, gpointer data)
{
  Dump *self = data;

  g_subprocess_communicate_finish (G_SUBPROCESS (source), result, &self->out, &self->err, &self->error);
  self->over = TRUE;
}

static QmpCheck
is_over (gpointer data, GError **error)
{
  return ((Dump *) data)->over ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

/* Its output closes when it is dead: nothing of it is left behind, and nothing calls back later. */
static gboolean
wait_over (Dump *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) shorter = qmp_wait_new_within (wait, "the QEMU binary to say what its devices send", DUMP_MS);

  if (!qmp_wait_until (shorter, is_over, self, error))
    {
      g_subprocess_force_exit (self->process);
      while (!self->over)
        g_main_context_iteration (qmp_wait_get_context (wait), TRUE);
      return FALSE;
    }
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  return self->out != NULL;
}

/* The last it said, on one line. */
static char *
last_words (GBytes *err)
{
  gsize length = g_bytes_get_size (err);
  gsize shown = MIN (length, STDERR_CHARS);
  char *text = g_utf8_make_valid ((const char *) g_bytes_get_data (err, NULL) + (length - shown), shown);

  return g_strdelimit (g_strstrip (text), "\n\r\t", ' ');
}

/* (transfer full) */
static JsonObject *
dump (const char *binary, const char *machine, QmpWait *wait, GError **error)
{
  static const JsonStrictLimits limits = { DUMP_BYTES, 64 };
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_auto(Dump) self = { NULL };
  const char *text;
  gsize length;

  g_subprocess_launcher_set_cwd (launcher, "/");
  self.process = g_subprocess_launcher_spawn (launcher, error, binary, "-machine", machine, "-nodefaults", "-no-user-config",
                                              "-display", "none", "-dump-vmstate", "/dev/stdout", NULL);
  if (self.process == NULL)
    return NULL;
  g_subprocess_communicate_async (self.process, NULL, NULL, on_over, &self);
  if (!wait_over (&self, wait, error))
    return NULL;
  if (!g_subprocess_get_if_exited (self.process) || g_subprocess_get_exit_status (self.process) != 0)
    {
      g_autofree char *words = last_words (self.err);

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "'%s' does not say what its devices send: %s", binary, words);
      return NULL;
    }
  text = g_bytes_get_data (self.out, &length);
  return json_strict_parse_object (text, length, &limits, error);
}

/* (transfer full): what is kept of it */
static GHashTable *
take_apart (JsonObject *dump)
{
  GHashTable *descriptions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  JsonObjectIter iter;
  const char *type;
  JsonNode *section;

  json_object_iter_init (&iter, dump);
  while (json_object_iter_next (&iter, &type, &section))
    {
      JsonObject *description = JSON_NODE_HOLDS_OBJECT (section) ? json_strict_object (json_node_get_object (section), "Description") : NULL;

      if (description != NULL)
        g_hash_table_insert (descriptions, g_strdup (type), json_strict_print_object (description));
    }
  return descriptions;
}

/* (transfer full) */
static JsonObject *
select_types (GHashTable *descriptions, char **types)
{
  JsonObject *selected = json_object_new ();

  for (char **type = types; *type != NULL; type++)
    {
      const char *text = g_hash_table_lookup (descriptions, *type);
      JsonNode *node = text != NULL ? json_strict_parse_scanned (text, strlen (text), NULL) : NULL;

      if (node != NULL)
        json_object_set_member (selected, *type, node);
    }
  return selected;
}

JsonObject *
qmig_vmstate_read (const char *binary, const char *machine, char **types, gboolean may_start, QmpWait *wait, GError **error)
{
  g_autofree char *key = make_key (binary, machine);
  g_autoptr(GHashTable) descriptions = key != NULL ? find_known (key) : NULL;
  g_autoptr(JsonObject) fresh = NULL;

  if (descriptions == NULL && may_start)
    {
      fresh = dump (binary, machine, wait, error);
      if (fresh == NULL)
        return NULL;
      descriptions = take_apart (fresh);
      if (key != NULL)
        keep (key, descriptions);
    }
  return descriptions != NULL ? select_types (descriptions, types) : NULL;
}
