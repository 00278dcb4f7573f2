/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-greeting.h"

#include "json-strict.h"
#include "qmp-error.h"

#define EXCERPT_CHARS 40

static char *
make_version_text (int major, int minor, int micro, const char *package)
{
  g_autofree char *suffix = g_strstrip (g_strdup (package));

  if (*suffix == '\0')
    return g_strdup_printf ("%d.%d.%d", major, minor, micro);
  /* QEMU itself puts the parentheses in, or not, depending on who packaged it. */
  return g_strdup_printf (*suffix == '(' ? "%d.%d.%d %s" : "%d.%d.%d (%s)", major, minor, micro, suffix);
}

static gboolean
offers (JsonArray *capabilities, const char *wanted)
{
  for (guint i = 0; capabilities && i < json_array_get_length (capabilities); i++)
    {
      JsonNode *node = json_array_get_element (capabilities, i);

      if (JSON_NODE_HOLDS_VALUE (node) && g_strcmp0 (json_node_get_string (node), wanted) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_version_part (gint64 number)
{
  return number >= 0 && number < 10000;
}

QmpGreeting *
qmp_greeting_new_from_json (JsonObject *message, GError **error)
{
  JsonObject *content = json_strict_object (message, "QMP");
  JsonObject *version = json_strict_object (content, "version");
  JsonObject *qemu = json_strict_object (version, "qemu");
  gint64 major = json_strict_int (qemu, "major", -1);
  gint64 minor = json_strict_int (qemu, "minor", -1);
  gint64 micro = json_strict_int (qemu, "micro", -1);
  QmpGreeting *self;

  if (!is_version_part (major) || !is_version_part (minor) || !is_version_part (micro))
    {
      g_autofree char *text = json_strict_print_object (message);

      g_set_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP, "this is not QMP, no greeting: '%.*s'", EXCERPT_CHARS, text);
      return NULL;
    }

  self = g_new0 (QmpGreeting, 1);
  self->version = (int) (major * 10000 + minor * 100 + micro);
  self->version_text =
      make_version_text ((int) major, (int) minor, (int) micro, json_strict_string (version, "package", ""));
  self->offers_oob = offers (json_strict_array (content, "capabilities"), "oob");
  return self;
}

void
qmp_greeting_free (QmpGreeting *self)
{
  if (!self)
    return;
  g_free (self->version_text);
  g_free (self);
}
