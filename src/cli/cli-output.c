/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-output.h"

#include "cli-fields.h"
#include "cli-format.h"
#include "json-strict.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *
cli_paint (const CliOutput *self, CliPaint paint, const char *text)
{
  static const char *const codes[] = { "", "1", "31", "32", "33" };

  if (!self->color || paint == CLI_PLAIN)
    return g_strdup (text);
  return g_strdup_printf ("\033[%sm%s\033[0m", codes[paint], text);
}

/* One cell */

static char *
raw_text (JsonNode *node)
{
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    return g_strdup (json_node_get_string (node));
  return json_strict_print (node);
}

static char *
join_strings (JsonArray *array)
{
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      g_autofree char *item = raw_text (json_array_get_element (array, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", item);
    }
  return g_strdup (text->str);
}

/* "2024-05-01T10:00:00.123456Z" without the fraction: a second is fine enough to find a line again. */
static char *
short_time (const char *text)
{
  g_autofree char *plain = g_strdup (text);

  if (strlen (plain) < strlen ("2024-05-01T10:00:00"))
    return g_steal_pointer (&plain);
  plain[19] = '\0';
  plain[10] = ' ';
  return g_steal_pointer (&plain);
}

static char *
shown_text (JsonNode *node, CliShow show)
{
  switch (show)
    {
    case CLI_SHOW_BOOL:
      return g_strdup (json_node_get_boolean (node) ? "yes" : "no");
    case CLI_SHOW_BYTES:
      return cli_format_bytes (json_node_get_int (node));
    case CLI_SHOW_RATE:
      return cli_format_rate (json_node_get_int (node));
    case CLI_SHOW_LIMIT:
      return cli_format_limit (json_node_get_int (node));
    case CLI_SHOW_MS:
      return cli_format_ms (json_node_get_double (node));
    case CLI_SHOW_ERROR:
      return g_strdup_printf ("%+.0f %%", json_node_get_double (node));
    case CLI_SHOW_TIME:
      return short_time (json_node_get_string (node));
    case CLI_SHOW_TEXT:
    case CLI_SHOW_COUNT:
      break;
    }
  return JSON_NODE_HOLDS_ARRAY (node) ? join_strings (json_node_get_array (node)) : raw_text (node);
}

static char *
cell_text (JsonObject *object, const CliColumn *column)
{
  JsonNode *node = cli_fields_look_up (object, column->path);
  g_autofree char *text = NULL;

  if (node == NULL)
    return g_strdup ("-");
  text = shown_text (node, column->show);
  return *text != '\0' ? cli_sanitize (text) : g_strdup ("-");
}

/* A line of tsv is one line with a fixed number of tabs, whatever a remote string holds. */
static char *
tsv_text (JsonObject *object, const CliColumn *column)
{
  JsonNode *node = cli_fields_look_up (object, column->path);
  g_autofree char *text = node != NULL ? raw_text (node) : g_strdup ("");

  return cli_sanitize (text);
}

/* Tables */

/* --fields as columns, titled as they were asked for.  (transfer container) */
static GArray *
choose_columns (const CliOutput *self, const CliColumn *columns)
{
  GArray *chosen = g_array_new (FALSE, FALSE, sizeof (CliColumn));

  for (char **field = self->fields; field != NULL && *field != NULL; field++)
    {
      CliColumn column = { *field, *field, CLI_SHOW_TEXT, FALSE };

      for (const CliColumn *known = columns; known->title != NULL; known++)
        if (strcmp (known->path, *field) == 0)
          column.show = known->show;
      g_array_append_val (chosen, column);
    }
  if (self->fields != NULL)
    return chosen;

  for (; columns->title != NULL; columns++)
    if (!columns->wide || self->format != CLI_FORMAT_TABLE)
      g_array_append_val (chosen, *columns);
  return chosen;
}

static gboolean
is_number (CliShow show)
{
  return show == CLI_SHOW_COUNT || show == CLI_SHOW_BYTES || show == CLI_SHOW_RATE || show == CLI_SHOW_LIMIT ||
         show == CLI_SHOW_MS || show == CLI_SHOW_ERROR;
}

static void
append_cell (GString *line, const char *text, guint width, gboolean right, gboolean last)
{
  guint missing = width - MIN (width, cli_width (text));

  if (right)
    g_string_append_printf (line, "%*s", (int) missing, "");
  g_string_append (line, text);
  if (!last)
    g_string_append_printf (line, "%*s", (int) (right ? 2 : missing + 2), "");
}

/* @rows: GPtrArray of GPtrArray of char *, the header first where there is one */
static char *
lay_out (const CliOutput *self, GArray *columns, GPtrArray *rows)
{
  g_autofree guint *widths = g_new0 (guint, columns->len);
  GString *text = g_string_new (NULL);

  for (guint r = 0; r < rows->len; r++)
    for (guint c = 0; c < columns->len; c++)
      widths[c] = MAX (widths[c], cli_width (g_ptr_array_index ((GPtrArray *) g_ptr_array_index (rows, r), c)));

  for (guint r = 0; r < rows->len; r++)
    {
      g_autoptr(GString) line = g_string_new (NULL);
      g_autofree char *painted = NULL;

      for (guint c = 0; c < columns->len; c++)
        append_cell (line, g_ptr_array_index ((GPtrArray *) g_ptr_array_index (rows, r), c), widths[c],
                     is_number (g_array_index (columns, CliColumn, c).show), c + 1 == columns->len);
      painted = cli_paint (self, r == 0 && self->headers ? CLI_BOLD : CLI_PLAIN, line->str);
      g_string_append_printf (text, "%s\n", painted);
    }
  return g_string_free (text, FALSE);
}

static GPtrArray *
header_row (GArray *columns, gboolean upper)
{
  GPtrArray *row = g_ptr_array_new_with_free_func (g_free);

  for (guint c = 0; c < columns->len; c++)
    {
      const char *title = g_array_index (columns, CliColumn, c).title;

      g_ptr_array_add (row, upper ? g_ascii_strup (title, -1) : g_strdup (g_array_index (columns, CliColumn, c).path));
    }
  return row;
}

static char *
table_text (const CliOutput *self, GPtrArray *objects, const CliColumn *columns)
{
  g_autoptr(GArray) chosen = choose_columns (self, columns);
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);

  if (self->headers)
    g_ptr_array_add (rows, header_row (chosen, TRUE));
  for (guint i = 0; i < objects->len; i++)
    {
      GPtrArray *row = g_ptr_array_new_with_free_func (g_free);

      for (guint c = 0; c < chosen->len; c++)
        g_ptr_array_add (row, cell_text (g_ptr_array_index (objects, i), &g_array_index (chosen, CliColumn, c)));
      g_ptr_array_add (rows, row);
    }
  return lay_out (self, chosen, rows);
}

static char *
tsv_lines (const CliOutput *self, GPtrArray *objects, const CliColumn *columns)
{
  g_autoptr(GArray) chosen = choose_columns (self, columns);
  GString *text = g_string_new (NULL);

  if (self->headers)
    {
      g_autoptr(GPtrArray) row = header_row (chosen, FALSE);

      for (guint c = 0; c < row->len; c++)
        g_string_append_printf (text, "%s%s", (const char *) g_ptr_array_index (row, c), c + 1 < row->len ? "\t" : "\n");
    }
  for (guint i = 0; i < objects->len; i++)
    for (guint c = 0; c < chosen->len; c++)
      {
        g_autofree char *cell = tsv_text (g_ptr_array_index (objects, i), &g_array_index (chosen, CliColumn, c));

        g_string_append_printf (text, "%s%s", cell, c + 1 < chosen->len ? "\t" : "\n");
      }
  return g_string_free (text, FALSE);
}

static char *
name_line (JsonObject *object, const char *path)
{
  const CliColumn column = { "", path, CLI_SHOW_TEXT, FALSE };
  g_autofree char *name = tsv_text (object, &column);

  return g_strconcat (name, "\n", NULL);
}

/* JSON */

char *
cli_output_json_text (const CliOutput *self, JsonObject *object)
{
  g_autoptr(JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, self->format == CLI_FORMAT_JSON);

  return g_strconcat (text, "\n", NULL);
}

static char *
list_document (const CliOutput *self, const ApiType *type, GPtrArray *objects)
{
  g_autoptr(JsonObject) list = api_list_to_object (type, NULL);
  JsonArray *items = json_strict_array (list, "items");

  for (guint i = 0; i < objects->len; i++)
    json_array_add_object_element (items, cli_fields_select (self->fields, g_ptr_array_index (objects, i)));
  return cli_output_json_text (self, list);
}

char *
cli_output_list_text (const CliOutput *self,
                      const ApiType *type,
                      GPtrArray *values,
                      const CliColumn *columns,
                      GError **error)
{
  g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  g_autoptr(GString) text = g_string_new (NULL);

  if (!cli_fields_check (self->fields, type, error))
    return NULL;
  for (guint i = 0; i < values->len; i++)
    g_ptr_array_add (objects, api_value_to_object (type, g_ptr_array_index (values, i)));

  switch (self->format)
    {
    case CLI_FORMAT_TABLE:
    case CLI_FORMAT_WIDE:
      return table_text (self, objects, columns);
    case CLI_FORMAT_TSV:
      return tsv_lines (self, objects, columns);
    case CLI_FORMAT_JSON:
      return list_document (self, type, objects);
    case CLI_FORMAT_JSONL:
    case CLI_FORMAT_NAME:
      break;
    }
  for (guint i = 0; i < objects->len; i++)
    {
      JsonObject *object = g_ptr_array_index (objects, i);
      g_autoptr(JsonObject) selected = cli_fields_select (self->fields, object);
      g_autofree char *line = self->format == CLI_FORMAT_NAME ? name_line (object, columns->path)
                                                              : cli_output_json_text (self, selected);

      g_string_append (text, line);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* One value */

static CliShow
show_of_field (const ApiField *field)
{
  if (field->kind == API_BOOL)
    return CLI_SHOW_BOOL;
  if (g_str_has_suffix (field->name, "_bytes"))
    return CLI_SHOW_BYTES;
  if (g_str_has_suffix (field->name, "bandwidth_bytes_per_s") || g_str_has_suffix (field->name, "limit_bytes_per_s"))
    return CLI_SHOW_LIMIT;
  if (g_str_has_suffix (field->name, "_bytes_per_s"))
    return CLI_SHOW_RATE;
  if (g_str_has_suffix (field->name, "_ms"))
    return CLI_SHOW_MS;
  if (g_str_has_suffix (field->name, "_error_percent"))
    return CLI_SHOW_ERROR;
  return CLI_SHOW_TEXT;
}

static char *
member_text (const CliOutput *self, const ApiField *field, JsonNode *node)
{
  g_autofree char *text = NULL;

  if (self->format == CLI_FORMAT_TSV)
    text = raw_text (node);
  else if (field->kind == API_STRV)
    {
      g_autoptr(GPtrArray) argv = g_ptr_array_new ();
      JsonArray *array = json_node_get_array (node);

      for (guint i = 0; i < json_array_get_length (array); i++)
        g_ptr_array_add (argv, (gpointer) json_array_get_string_element (array, i));
      g_ptr_array_add (argv, NULL);
      text = cli_quote_command ((const char *const *) argv->pdata);
    }
  else
    text = shown_text (node, show_of_field (field));
  return cli_sanitize (text);
}

static void
append_members (GString *text,
                const CliOutput *self,
                const ApiType *type,
                JsonObject *object,
                const char *prefix,
                char **only)
{
  for (gsize i = 0; i < type->n_fields; i++)
    {
      const ApiField *field = &type->fields[i];
      g_autofree char *path = g_strconcat (prefix, field->name, NULL);
      g_autofree char *inner = g_strconcat (path, ".", NULL);
      JsonNode *node = cli_fields_look_up (object, field->name);
      gboolean wanted = only == NULL || g_strv_contains ((const char *const *) only, path);
      g_autofree char *shown = NULL;

      if (node == NULL)
        continue;
      if (field->kind == API_OBJECT)
        {
          append_members (text, self, field->type, json_node_get_object (node), inner, wanted ? NULL : only);
          continue;
        }
      if (!wanted || (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 0))
        continue;
      shown = member_text (self, field, node);
      g_string_append_printf (text, "%s\t%s\n", path, shown);
    }
}

/* Pads what stands before the tab of each line to one width. */
static char *
align_members (const CliOutput *self, const char *text)
{
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);
  GString *aligned = g_string_new (NULL);
  guint width = 0;

  for (char **line = lines; **line != '\0'; line++)
    width = MAX (width, (guint) (strchr (*line, '\t') - *line));
  for (char **line = lines; **line != '\0'; line++)
    {
      char *tab = strchr (*line, '\t');
      g_autofree char *name = g_strndup (*line, (gsize) (tab - *line));
      g_autofree char *painted = cli_paint (self, CLI_BOLD, name);

      g_string_append_printf (aligned, "%s%*s%s\n", painted, (int) (width + 2 - strlen (name)), "", tab + 1);
    }
  return g_string_free (aligned, FALSE);
}

static char *
value_document (const CliOutput *self, const ApiType *type, JsonObject *object)
{
  g_autoptr(JsonObject) selected = cli_fields_select (self->fields, object);
  g_autoptr(JsonObject) document = json_object_new ();
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_set_string_member (document, "schema", type->name);
  json_object_iter_init_ordered (&iter, selected);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    json_object_set_member (document, name, json_node_copy (node));
  return cli_output_json_text (self, document);
}

char *
cli_output_value_text (const CliOutput *self,
                       const ApiType *type,
                       gconstpointer value,
                       const char *name_path,
                       GError **error)
{
  g_autoptr(JsonObject) object = api_value_to_object (type, value);
  g_autoptr(GString) text = g_string_new (NULL);

  if (!cli_fields_check (self->fields, type, error))
    return NULL;
  switch (self->format)
    {
    case CLI_FORMAT_JSON:
    case CLI_FORMAT_JSONL:
      return value_document (self, type, object);
    case CLI_FORMAT_NAME:
      return name_line (object, name_path);
    case CLI_FORMAT_TABLE:
    case CLI_FORMAT_WIDE:
    case CLI_FORMAT_TSV:
      break;
    }
  append_members (text, self, type, object, "", self->fields);
  return self->format == CLI_FORMAT_TSV ? g_string_free (g_steal_pointer (&text), FALSE)
                                        : align_members (self, text->str);
}

/* stdout */

void
cli_write (const char *text)
{
  if (fputs (text, stdout) != EOF && fflush (stdout) != EOF)
    return;
  if (errno == EPIPE)
    {
      /* GIO ignores the signal for its sockets' sake. */
      signal (SIGPIPE, SIG_DFL);
      raise (SIGPIPE);
    }
  fprintf (stderr, "qmig: cannot write the output: %s\n", g_strerror (errno));
  _exit (QMIG_EXIT_ERROR);
}

void
cli_print (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  cli_write (text);
}

gboolean
cli_output_list (const CliOutput *self,
                 const ApiType *type,
                 GPtrArray *values,
                 const CliColumn *columns,
                 GError **error)
{
  g_autofree char *text = cli_output_list_text (self, type, values, columns, error);

  if (text == NULL)
    return FALSE;
  cli_write (text);
  return TRUE;
}

gboolean
cli_output_value (const CliOutput *self,
                  const ApiType *type,
                  gconstpointer value,
                  const char *name_path,
                  GError **error)
{
  g_autofree char *text = cli_output_value_text (self, type, value, name_path, error);

  if (text == NULL)
    return FALSE;
  cli_write (text);
  return TRUE;
}
