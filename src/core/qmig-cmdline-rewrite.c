/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every rule uses: putting options on the new line, saying what was done, moving files. */

#include <string.h>
#include <sys/un.h>

#include "qmig-cmdline-private.h"

void
qmig_rewrite_keep (QmigRewrite *r, const QmigOption *o)
{
  qmig_rewrite_emit (r, o, o->value);
}

void
qmig_rewrite_emit (QmigRewrite *r, const QmigOption *o, const char *value)
{
  if (o->option != NULL)
    g_ptr_array_add (r->argv, g_strdup (o->option));
  if (value != NULL)
    g_ptr_array_add (r->argv, g_strdup (value));
}

void
qmig_rewrite_emit_keyval (QmigRewrite *r, const QmigOption *o, const QmigKeyval *kv)
{
  g_autofree char *value = qmig_keyval_is_changed (kv) ? qmig_keyval_print (kv) : NULL;

  qmig_rewrite_emit (r, o, value ? value : o->value);
}

static void
add_text (GPtrArray *texts, const char *format, va_list args)
{
  g_ptr_array_add (texts, g_strdup_vprintf (format, args));
}

void
qmig_rewrite_note (QmigRewrite *r, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  add_text (r->notes, format, args);
  va_end (args);
}

void
qmig_rewrite_warn (QmigRewrite *r, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  add_text (r->warnings, format, args);
  va_end (args);
}

void
qmig_rewrite_refuse (QmigRewrite *r, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  add_text (r->refusals, format, args);
  va_end (args);
}

gboolean
qmig_rewrite_is_replaced (QmigRewrite *r, const char *kind, const char *id)
{
  g_autofree char *identity = id ? g_strdup_printf ("-%s %s", kind, id) : NULL;

  return identity != NULL && g_hash_table_contains (r->replaced, identity);
}

static char *
unique_name (QmigRewrite *r, const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  char *name = g_strdup (base);

  for (guint i = 2; g_hash_table_contains (r->names, name); i++)
    {
      g_free (name);
      name = g_strdup_printf ("%s-%u", base, i);
    }
  g_hash_table_add (r->names, g_strdup (name));

  return name;
}

char *
qmig_rewrite_move_file (QmigRewrite *r, const char *what, const char *path)
{
  g_autofree char *name = unique_name (r, path);
  char *moved = g_build_filename (r->target->run_dir, name, NULL);

  qmig_rewrite_note (r, "%s: %s → %s", what, path, moved);

  return moved;
}

char *
qmig_rewrite_move_socket (QmigRewrite *r, const char *what, const char *path)
{
  char *moved = qmig_rewrite_move_file (r, what, path);

  if (strlen (moved) >= sizeof (((struct sockaddr_un *)0)->sun_path))
    qmig_rewrite_refuse (r,
                         "%s: %s would be longer than the 107 bytes a unix socket's name may have: use a shorter "
                         "QMIG_RUNTIME_DIR",
                         what, moved);
  return moved;
}

/* QEMU's own test: a colon before the first slash. */
static gboolean
has_protocol (const char *path)
{
  return path[strcspn (path, ":/")] == ':';
}

char *
qmig_rewrite_absolute (QmigRewrite *r, const char *what, const char *path)
{
  gboolean file_protocol = g_str_has_prefix (path, "file:");
  const char *plain = file_protocol ? path + strlen ("file:") : path;
  g_autofree char *absolute = NULL;

  if (plain[0] == '\0' || plain[0] == '/' || (!file_protocol && has_protocol (path)))
    return NULL;
  if (r->cwd == NULL)
    {
      qmig_rewrite_refuse (
          r, "%s: '%s' is relative to a directory that is not known any more (%s): give it anew with --target-arg",
          what, path, r->target->cwd ? "the source daemonized" : "the source's cannot be read");
      return NULL;
    }
  while (g_str_has_prefix (plain, "./"))
    plain += 2;
  absolute = g_build_filename (r->cwd, plain, NULL);

  return file_protocol ? g_strconcat ("file:", absolute, NULL) : g_steal_pointer (&absolute);
}
