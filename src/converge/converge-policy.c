/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-policy.h"

#include <string.h>

#include "api-quantity.h"
#include "api-suggest.h"

#define NAME_MAX_BYTES 64
#define DOWNTIME_MAX_MS 2000000        /* QEMU's own bound */
#define BANDWIDTH_MIN 1000             /* QEMU reads what is below 10 as unlimited */
#define THROTTLE_MAX_PERCENT 99        /* QEMU's own bound */
#define XBZRLE_CACHE_MIN_BYTES 4096    /* a page */

static const char *const means[] = { "postcopy", "pause", NULL };

QmigPolicy *
converge_policy_new_default (void)
{
  QmigPolicy *self = qmig_policy_new ();

  self->name = g_strdup (CONVERGE_POLICY_DEFAULT);
  self->about = g_strdup ("waits, then slows the guest just as much as is needed");
  self->downtime_ms = 300;
  self->bandwidth_bytes_per_s = 0; /* QEMU's own 128 MiB/s would cap every fast link */
  self->throttle_max_percent = THROTTLE_MAX_PERCENT;
  self->patience_ms = 60000;
  return self;
}

gboolean
converge_policy_check_name (const char *name, GError **error)
{
  gboolean good = g_ascii_isalnum (name[0]) && strlen (name) <= NAME_MAX_BYTES;

  for (const char *p = name; good && *p != '\0'; p++)
    good = g_ascii_isalnum (*p) || strchr ("-_.", *p) != NULL;
  if (!good)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' names no policy: expected up to %d letters, digits, '-', '_' and '.'", name, NAME_MAX_BYTES);
  return good;
}

/* -- the keys ----------------------------------------------------------------- */

/* Where what a key says goes; units are those of the command line. */
typedef struct
{
  const char *name;
  gboolean (*parse) (const char *text, gint64 *value, GError **error);
  gsize offset;         /* of a gint64 in QmigPolicy */
  const char *no_value; /* the word for unset (nullable) */
} Key;

static const Key keys[] = {
  { "downtime", api_parse_time, G_STRUCT_OFFSET (QmigPolicy, downtime_ms), NULL },
  { "deadline", api_parse_time, G_STRUCT_OFFSET (QmigPolicy, deadline_ms), "none" },
  { "bandwidth", api_parse_rate, G_STRUCT_OFFSET (QmigPolicy, bandwidth_bytes_per_s), NULL },
  { "start-bandwidth", api_parse_rate, G_STRUCT_OFFSET (QmigPolicy, start_bandwidth_bytes_per_s), "bound" },
  { "throttle-max", api_parse_percent, G_STRUCT_OFFSET (QmigPolicy, throttle_max_percent), NULL },
  { "patience", api_parse_time, G_STRUCT_OFFSET (QmigPolicy, patience_ms), NULL },
};

static const char *const key_names[]
    = { "about", "allow", "downtime", "deadline", "bandwidth", "start-bandwidth", "throttle-max", "patience", NULL };

static gboolean
check_keys (GKeyFile *file, const char *group, GError **error)
{
  g_auto(GStrv) given = g_key_file_get_keys (file, group, NULL, error);

  if (given == NULL)
    return FALSE;
  for (char **key = given; *key != NULL; key++)
    if (!g_strv_contains (key_names, *key))
      {
        g_autofree char *hint = api_suggest (*key, key_names);

        g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "unknown key '%s'%s", *key, hint);
        return FALSE;
      }
  return TRUE;
}

static gboolean
read_key (GKeyFile *file, const char *group, const Key *key, QmigPolicy *self, GError **error)
{
  g_autofree char *text = g_key_file_get_string (file, group, key->name, NULL);
  gint64 *value = G_STRUCT_MEMBER_P (self, key->offset);

  if (text == NULL)
    return TRUE;
  g_strstrip (text);
  if (g_strcmp0 (text, key->no_value) == 0)
    {
      *value = QMIG_UNSET;
      return TRUE;
    }
  if (key->parse (text, value, error))
    return TRUE;
  g_prefix_error (error, "%s: ", key->name);
  return FALSE;
}

/* "a, b" → a and b.  (transfer full) */
static char **
split_words (const char *text)
{
  g_auto(GStrv) parts = g_strsplit (text, ",", -1);
  g_autoptr(GStrvBuilder) words = g_strv_builder_new ();

  for (char **part = parts; *part != NULL; part++)
    if (*g_strstrip (*part) != '\0')
      g_strv_builder_add (words, *part);
  return g_strv_builder_end (words);
}

static void
allow_means (QmigPolicy *self, char **allow)
{
  for (; allow != NULL && *allow != NULL; allow++)
    {
      self->allow_postcopy |= g_str_equal (*allow, "postcopy");
      self->allow_pause |= g_str_equal (*allow, "pause");
    }
}

static gboolean
read_allow (GKeyFile *file, const char *group, QmigPolicy *self, GError **error)
{
  g_autofree char *text = g_key_file_get_string (file, group, "allow", NULL);
  g_auto(GStrv) words = NULL;

  if (text == NULL || g_str_equal (g_strstrip (text), "none"))
    return TRUE;
  words = split_words (text);
  if (!converge_policy_check_allow (words, error))
    {
      g_prefix_error (error, "allow: ");
      return FALSE;
    }
  allow_means (self, words);
  return TRUE;
}

/* -- ranges --------------------------------------------------------------------- */

static gboolean
is_rate (gint64 bytes_per_s)
{
  return bytes_per_s == QMIG_UNSET || bytes_per_s == 0 || bytes_per_s >= BANDWIDTH_MIN;
}

static gboolean
is_within (gint64 value, gint64 low, gint64 high)
{
  return value == QMIG_UNSET || (value >= low && value <= high);
}

gboolean
converge_policy_check_knobs (const QmigKnobs *knobs, GError **error)
{
  gint64 cache = knobs->xbzrle_cache_bytes;
  const char *problem = NULL;

  if (!is_within (knobs->downtime_ms, 1, DOWNTIME_MAX_MS))
    problem = "the downtime must be between 1 ms and 2000 s";
  else if (!is_rate (knobs->bandwidth_bytes_per_s))
    problem = "the bandwidth must be 0 (unlimited) or at least 1000 bytes per second";
  else if (!is_within (knobs->deadline_ms, 1, G_MAXINT64))
    problem = "the deadline must be at least 1 ms";
  else if (!is_within (knobs->throttle_max_percent, 0, THROTTLE_MAX_PERCENT))
    problem = "the throttle must be between 0 and 99 percent";
  else if (!is_rate (knobs->postcopy_bandwidth_bytes_per_s))
    problem = "the bandwidth of post-copy must be 0 (unlimited) or at least 1000 bytes per second";
  else if (!is_within (cache, XBZRLE_CACHE_MIN_BYTES, G_MAXINT64) || (cache != QMIG_UNSET && (cache & (cache - 1)) != 0))
    problem = "the cache of xbzrle must be a power of two of at least 4 KiB, such as 64M or 1G";
  if (problem == NULL)
    return TRUE;
  g_set_error_literal (error, QMIG_ERROR, QMIG_EXIT_USAGE, problem);
  return FALSE;
}

gboolean
converge_policy_check_allow (char **allow, GError **error)
{
  for (; allow != NULL && *allow != NULL; allow++)
    if (!g_strv_contains (means, *allow))
      {
        g_autofree char *hint = api_suggest (*allow, means);

        g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' is nothing that can be allowed%s; there are postcopy and pause", *allow, hint);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_values (const QmigPolicy *self, GError **error)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();

  knobs->downtime_ms = self->downtime_ms;
  knobs->deadline_ms = self->deadline_ms;
  knobs->bandwidth_bytes_per_s = self->bandwidth_bytes_per_s;
  knobs->throttle_max_percent = self->throttle_max_percent;
  if (!converge_policy_check_knobs (knobs, error))
    return FALSE;
  if (is_rate (self->start_bandwidth_bytes_per_s))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "start-bandwidth: it must be at least 1000 bytes per second");
  return FALSE;
}

/* -- reading, bounding ------------------------------------------------------------ */

static gboolean
read_values (GKeyFile *file, const char *group, QmigPolicy *self, GError **error)
{
  g_autofree char *about = g_key_file_get_string (file, group, "about", NULL);

  g_free (self->about);
  self->about = g_steal_pointer (&about);
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (!read_key (file, group, &keys[i], self, error))
      return FALSE;
  return read_allow (file, group, self, error) && check_values (self, error);
}

QmigPolicy *
converge_policy_read (GKeyFile *file, const char *name, GError **error)
{
  g_autofree char *group = g_strconcat (CONVERGE_POLICY_GROUP, name, NULL);
  g_autoptr(QmigPolicy) self = converge_policy_new_default ();
  g_autoptr(GError) cause = NULL;

  g_free (self->name);
  self->name = g_strdup (name);
  if (check_keys (file, group, &cause) && read_values (file, group, self, &cause))
    return g_steal_pointer (&self);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "policy '%s' cannot be used: %s", name, cause->message);
  return NULL;
}

static void
put_over (gint64 *value, gint64 bound)
{
  if (bound != QMIG_UNSET)
    *value = bound;
}

void
converge_policy_bound (QmigPolicy *self, const QmigKnobs *knobs, char **allow)
{
  if (knobs != NULL)
    {
      put_over (&self->downtime_ms, knobs->downtime_ms);
      put_over (&self->deadline_ms, knobs->deadline_ms);
      put_over (&self->bandwidth_bytes_per_s, knobs->bandwidth_bytes_per_s);
      put_over (&self->throttle_max_percent, knobs->throttle_max_percent);
    }
  allow_means (self, allow);
}
