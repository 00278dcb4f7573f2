/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* This host, looked at for what another host's VM needs. */

#include "qmig-needs.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "qmig-surroundings.h"

static char *
problem_of (int number)
{
  return g_strdup (g_strerror (number));
}

/* A name from another host must not lead out of the directory. */
static char *
interface_path (const char *name, const char *file)
{
  if (strchr (name, '/') != NULL || name[0] == '.')
    return NULL;
  return g_build_filename ("/sys/class/net", name, file, NULL);
}

static gboolean
interface_has (const char *name, const char *file)
{
  g_autofree char *path = interface_path (name, file);

  return path != NULL && g_file_test (path, G_FILE_TEST_EXISTS);
}

static char *
look_for_bridge (const QmigNeed *need)
{
  if (!interface_has (need->name, NULL))
    return g_strdup ("there is no such interface");
  return interface_has (need->name, "bridge") ? NULL : g_strdup ("it is no bridge");
}

/* Somebody has it open while it has a carrier. */
static char *
look_for_tap (const QmigNeed *need)
{
  g_autofree char *path = interface_path (need->name, "carrier");
  g_autofree char *carrier = NULL;

  if (!interface_has (need->name, NULL))
    return geteuid () == 0 ? NULL : g_strdup ("there is no such interface, and only root may make it");
  if (!interface_has (need->name, "tun_flags"))
    return g_strdup ("it is no tap device");
  return g_file_get_contents (path, &carrier, NULL, NULL) && carrier[0] == '1' ? g_strdup ("somebody uses it") : NULL;
}

static char *
look_for_program (const QmigNeed *need)
{
  return access (need->name, X_OK) == 0 ? NULL : problem_of (errno);
}

static char *
look_for_file (const QmigNeed *need)
{
  return access (need->name, R_OK) == 0 ? NULL : problem_of (errno);
}

static char *
look_for_port (const QmigNeed *need)
{
  const char *colon = strrchr (need->name, ':');
  g_autofree char *host = colon != NULL ? g_strndup (need->name, (gsize) (colon - need->name)) : NULL;

  if (colon == NULL)
    return g_strdup ("it is no ADDRESS:PORT");
  return qmig_port_problem (host, g_ascii_strtoll (colon + 1, NULL, 10), g_str_equal (need->kind, "udp-port"));
}

/* Told by the kernel: a connection would disturb who listens there, and the file alone may be left over. */
static gboolean
is_served (const char *path)
{
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = g_file_get_contents ("/proc/net/unix", &text, NULL, NULL) ? g_strsplit (text, "\n", -1) : NULL;
  g_autofree char *end = g_strconcat (" ", path, NULL);

  for (char **line = lines; line != NULL && *line != NULL; line++)
    if (g_str_has_suffix (*line, end) && strstr (*line, " 00010000 ") != NULL)
      return TRUE;
  return FALSE;
}

static char *
look_for_service (const QmigNeed *need)
{
  struct stat status;

  if (stat (need->name, &status) != 0)
    return problem_of (errno);
  return S_ISSOCK (status.st_mode) ? NULL : g_strdup ("it is no socket");
}

static char *
look_for_place (const QmigNeed *need)
{
  g_autofree char *dir = g_path_get_dirname (need->name);

  if (access (dir, W_OK | X_OK) != 0)
    return g_strdup_printf ("its directory: %s", g_strerror (errno));
  return is_served (need->name) ? g_strdup ("another program listens there") : NULL;
}

/* QEMU makes a file in a directory, or at a path whose directory is there. */
static char *
look_for_memory (const QmigNeed *need)
{
  g_autofree char *parent = g_path_get_dirname (need->name);
  gboolean there = access (need->name, F_OK) == 0;
  struct statfs fs;

  if (access (there ? need->name : parent, W_OK) != 0 || statfs (there ? need->name : parent, &fs) != 0)
    return problem_of (errno);
  if (need->bytes == QMIG_UNSET || (there && !g_file_test (need->name, G_FILE_TEST_IS_DIR)))
    return NULL;
  if ((gint64) fs.f_bavail >= need->bytes / (gint64) fs.f_bsize)
    return NULL;
  return g_strdup_printf ("%" G_GINT64_FORMAT " bytes are needed, and %s has %" G_GINT64_FORMAT, need->bytes,
                          fs.f_type == HUGETLBFS_MAGIC ? "the pool of huge pages" : "its file system", (gint64) fs.f_bavail * (gint64) fs.f_bsize);
}

static char *
look_for_huge_pages (const QmigNeed *need)
{
  gint64 page = g_ascii_strtoll (need->name, NULL, 10);
  g_autofree char *path = g_strdup_printf ("/sys/kernel/mm/hugepages/hugepages-%" G_GINT64_FORMAT "kB/free_hugepages", page / 1024);
  g_autofree char *text = NULL;
  gint64 pages;

  if (page <= 0 || !g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("the kernel has no huge pages of this size");
  pages = g_ascii_strtoll (text, NULL, 10);
  return need->bytes == QMIG_UNSET || pages >= (need->bytes + page - 1) / page
         ? NULL
         : g_strdup_printf ("%" G_GINT64_FORMAT " bytes are needed, and %" G_GINT64_FORMAT " pages are free", need->bytes, pages);
}

static const struct
{
  const char *kind;
  char *(*look) (const QmigNeed *need); /* (transfer full) (nullable): the problem */
} looks[] = {
  { "bridge", look_for_bridge },     { "tap", look_for_tap },          { "program", look_for_program },
  { "tcp-port", look_for_port },     { "udp-port", look_for_port },    { "socket", look_for_service },
  { "listen", look_for_place },      { "memory", look_for_memory },    { "huge-pages", look_for_huge_pages },
  { "file", look_for_file },
};

GPtrArray *
qmig_needs_answer (const GPtrArray *questions)
{
  GPtrArray *answers = questions != NULL ? g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_need_free) : NULL;

  for (guint i = 0; questions != NULL && i < questions->len; i++)
    {
      QmigNeed *need = qmig_need_copy (g_ptr_array_index (questions, i));

      g_clear_pointer (&need->problem, g_free);
      for (gsize k = 0; k < G_N_ELEMENTS (looks); k++)
        if (g_str_equal (looks[k].kind, need->kind))
          need->problem = looks[k].look (need);
      g_ptr_array_add (answers, need);
    }
  return answers;
}
