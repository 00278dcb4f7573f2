/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-options.h"

#include "api-quantity.h"
#include "api-suggest.h"
#include "cli-parse.h"

#include <string.h>

typedef struct
{
  guint times;
  GPtrArray *texts; /* as given */
  gint64 number;
} Value;

struct _CliOptions
{
  GHashTable *values; /* name in the table → Value */
};

static void
value_free (gpointer data)
{
  Value *value = data;

  g_ptr_array_unref (value->texts);
  g_free (value);
}

CliOptions *
cli_options_new (void)
{
  CliOptions *self = g_new0 (CliOptions, 1);

  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, value_free);
  return self;
}

void
cli_options_free (CliOptions *self)
{
  g_hash_table_unref (self->values);
  g_free (self);
}

static Value *
ensure_value (CliOptions *self, const CliOption *option)
{
  Value *value = g_hash_table_lookup (self->values, option->name);

  if (value == NULL)
    {
      value = g_new0 (Value, 1);
      value->texts = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (self->values, (gpointer) option->name, value);
    }
  return value;
}

static gboolean
check_choice (const CliOption *option, const char *text, GError **error)
{
  g_auto(GStrv) choices = g_strsplit (option->value, "|", -1);
  g_autofree char *hint = NULL;

  if (g_strv_contains ((const char *const *) choices, text))
    return TRUE;
  hint = api_suggest (text, (const char *const *) choices);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' is none of %s%s", text, option->value, hint);
  return FALSE;
}

static gboolean
check_words (const CliOption *option, const char *text, GError **error)
{
  g_auto(GStrv) known = g_strsplit (option->value, ",", -1);
  g_auto(GStrv) given = g_strsplit (text, ",", -1);

  for (char **word = given; *word != NULL; word++)
    if (!g_strv_contains ((const char *const *) known, *word))
      {
        g_autofree char *hint = api_suggest (*word, (const char *const *) known);

        g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' is none of %s%s", *word, option->value, hint);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_value (const CliOption *option, const char *text, gint64 *number, GError **error)
{
  g_autoptr(QmigExpect) expect = NULL;
  gint64 last;

  switch (option->kind)
    {
    case CLI_FLAG:
    case CLI_TEXT:
    case CLI_TEXTS:
      return TRUE;
    case CLI_CHOICE:
      return check_choice (option, text, error);
    case CLI_COUNT:
      return cli_parse_count (text, number, error);
    case CLI_SIZE:
      return api_parse_size (text, number, error);
    case CLI_RATE:
      return api_parse_rate (text, number, error);
    case CLI_TIME:
      return api_parse_time (text, number, error);
    case CLI_PERCENT:
      return api_parse_percent (text, number, error);
    case CLI_WORDS:
      return check_words (option, text, error);
    case CLI_PORTS:
      return cli_parse_ports (text, number, &last, error);
    case CLI_EXPECT:
      expect = cli_parse_expect (text, error);
      return expect != NULL;
    }
  g_return_val_if_reached (FALSE);
}

static gboolean
store (CliOptions *self, const CliOption *option, const char *text, GError **error)
{
  Value *value;
  gint64 number = 0;

  if (text != NULL && !check_value (option, text, &number, error))
    {
      g_prefix_error (error, "--%s: ", option->name);
      return FALSE;
    }
  value = ensure_value (self, option);
  value->times++;
  value->number = number;
  if (text != NULL)
    g_ptr_array_add (value->texts, g_strdup (text));
  return TRUE;
}

static const CliOption *
find_by_name (const CliOption *const *tables, const char *name, gsize length)
{
  for (; *tables != NULL; tables++)
    for (const CliOption *option = *tables; option->name != NULL; option++)
      if (strlen (option->name) == length && strncmp (option->name, name, length) == 0)
        return option;
  return NULL;
}

static const CliOption *
find_by_letter (const CliOption *const *tables, char letter)
{
  for (; *tables != NULL; tables++)
    for (const CliOption *option = *tables; option->name != NULL; option++)
      if (option->letter != 0 && option->letter == letter)
        return option;
  return NULL;
}

static gboolean
fail_unknown (const CliOption *const *tables, const char *name, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  g_autofree char *hint = NULL;
  const char *nearest;

  for (; *tables != NULL; tables++)
    for (const CliOption *option = *tables; option->name != NULL; option++)
      g_ptr_array_add (names, (gpointer) option->name);
  g_ptr_array_add (names, NULL);

  nearest = api_nearest (name, (const char *const *) names->pdata);
  hint = nearest != NULL ? g_strdup_printf (", did you mean '--%s'?", nearest) : g_strdup ("");
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "unknown option '--%s'%s", name, hint);
  return FALSE;
}

/* The value that follows in the next argument. */
static const char *
next_argument (const CliOption *option, char **argv, int *at, GError **error)
{
  if (argv[*at + 1] == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--%s: %s is missing", option->name, option->value);
      return NULL;
    }
  return argv[++*at];
}

static gboolean
take_long (CliOptions *self, const CliOption *const *tables, char **argv, int *at, GError **error)
{
  const char *name = argv[*at] + 2;
  const char *equals = strchr (name, '=');
  g_autofree char *plain = equals != NULL ? g_strndup (name, (gsize) (equals - name)) : g_strdup (name);
  const CliOption *option = find_by_name (tables, plain, strlen (plain));
  const char *text = equals != NULL ? equals + 1 : NULL;

  if (option == NULL)
    return fail_unknown (tables, plain, error);
  if (option->kind == CLI_FLAG && text != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--%s: takes no value", option->name);
      return FALSE;
    }
  if (option->kind != CLI_FLAG && text == NULL)
    {
      text = next_argument (option, argv, at, error);
      if (text == NULL)
        return FALSE;
    }
  return store (self, option, text, error);
}

static gboolean
take_letters (CliOptions *self, const CliOption *const *tables, char **argv, int *at, GError **error)
{
  for (const char *letter = argv[*at] + 1; *letter != '\0'; letter++)
    {
      const CliOption *option = find_by_letter (tables, *letter);
      const char *text;

      if (option == NULL)
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "unknown option '-%c'", *letter);
          return FALSE;
        }
      if (option->kind == CLI_FLAG)
        {
          if (!store (self, option, NULL, error))
            return FALSE;
          continue;
        }
      text = letter[1] != '\0' ? letter + 1 : next_argument (option, argv, at, error);
      return text != NULL && store (self, option, text, error);
    }
  return TRUE;
}

gboolean
cli_options_take (CliOptions *self, const CliOption *const *tables, char **argv, int *at, GError **error)
{
  gboolean ok = g_str_has_prefix (argv[*at], "--") ? take_long (self, tables, argv, at, error)
                                                   : take_letters (self, tables, argv, at, error);

  if (ok)
    ++*at;
  return ok;
}

guint
cli_options_flag (CliOptions *self, const char *name)
{
  const Value *value = g_hash_table_lookup (self->values, name);

  return value != NULL ? value->times : 0;
}

const char *
cli_options_text (CliOptions *self, const char *name)
{
  const Value *value = g_hash_table_lookup (self->values, name);

  return value != NULL ? g_ptr_array_index (value->texts, value->texts->len - 1) : NULL;
}

char **
cli_options_texts (CliOptions *self, const char *name)
{
  const Value *value = g_hash_table_lookup (self->values, name);
  g_autoptr(GStrvBuilder) builder = NULL;

  if (value == NULL)
    return NULL;
  builder = g_strv_builder_new ();
  for (guint i = 0; i < value->texts->len; i++)
    g_strv_builder_add (builder, g_ptr_array_index (value->texts, i));
  return g_strv_builder_end (builder);
}

gint64
cli_options_number (CliOptions *self, const char *name, gint64 fallback)
{
  const Value *value = g_hash_table_lookup (self->values, name);

  return value != NULL ? value->number : fallback;
}
