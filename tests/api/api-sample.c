/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-sample.h"

#define MEMBER(Type, value, field) G_STRUCT_MEMBER (Type, value, (field)->offset)

static char *
random_string (void)
{
  static const char *const pieces[] = {
    "", "a", "web01", " ", "\"", "\\", "/", "\n", "\t", "\x01", "\x1f", "\x7f", "ü", "€", "\xf0\x9f\x90\xa7",
    "\\u0000", "null", "3.5", "{}", "-drive file=/tmp/x,if=none", "\xe2\x80\xa8",
  };
  GString *text = g_string_new (NULL);

  for (int i = g_test_rand_int_range (0, 6); i > 0; i--)
    g_string_append (text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);

  return g_string_free (text, FALSE);
}

static char **
random_strv (void)
{
  int length = g_test_rand_int_range (0, 4);
  char **strv = g_new0 (char *, length + 1);

  for (int i = 0; i < length; i++)
    strv[i] = random_string ();

  return strv;
}

static gint64
random_int (void)
{
  static const gint64 edges[] = {
    0, 1, -1, G_MAXINT32, G_MAXUINT32, (G_GINT64_CONSTANT (1) << 53) + 1, G_MAXINT64, G_MININT64 + 1,
  };

  if (g_test_rand_bit ())
    return edges[g_test_rand_int_range (0, G_N_ELEMENTS (edges))];

  return (gint64) g_test_rand_int () << 20 ^ g_test_rand_int ();
}

static double
random_double (void)
{
  static const double edges[] = { 0.0, -0.0, 1.0, 0.1, 1e22, 1e300, 5e-324, 2e-7, -1e15, 123456789.125 };

  if (g_test_rand_bit ())
    return edges[g_test_rand_int_range (0, G_N_ELEMENTS (edges))];

  return g_test_rand_double_range (-1e6, 1e6);
}

static JsonNode *
random_json (void)
{
  g_autoptr(JsonObject) object = json_object_new ();
  JsonArray *array = json_array_new ();
  g_autofree char *text = random_string ();

  json_array_add_int_element (array, random_int ());
  json_array_add_double_element (array, random_double ());
  json_array_add_null_element (array);
  json_object_set_array_member (object, "z", array);
  json_object_set_string_member (object, "a", text);
  json_object_set_boolean_member (object, "m", g_test_rand_bit ());
  json_object_set_object_member (object, "empty", json_object_new ());
  return json_node_init_object (json_node_alloc (), object);
}

static GPtrArray *
random_list (const ApiType *type)
{
  GPtrArray *values = g_ptr_array_new_with_free_func (type->destroy);

  for (int i = g_test_rand_int_range (0, 5); i > 0; i--)
    g_ptr_array_add (values, sample_new (type));

  return values;
}

static void
fill_member (const ApiField *field, gpointer value)
{
  switch (field->kind)
    {
    case API_STRING:
      MEMBER (char *, value, field) = random_string ();
      break;
    case API_STRV:
      MEMBER (char **, value, field) = random_strv ();
      break;
    case API_BOOL:
      MEMBER (gboolean, value, field) = g_test_rand_bit ();
      break;
    case API_INT:
      MEMBER (gint64, value, field) = random_int ();
      break;
    case API_DOUBLE:
      MEMBER (double, value, field) = random_double ();
      break;
    case API_ENUM:
      MEMBER (int, value, field) = g_test_rand_int_range (0, g_strv_length ((char **) field->names));
      break;
    case API_OBJECT:
      MEMBER (gpointer, value, field) = sample_new (field->type);
      break;
    case API_LIST:
      MEMBER (GPtrArray *, value, field) = random_list (field->type);
      break;
    case API_JSON:
      MEMBER (JsonNode *, value, field) = random_json ();
      break;
    }
}

gpointer
sample_new (const ApiType *type)
{
  gpointer value = api_value_new (type);

  for (gsize i = 0; i < type->n_fields; i++)
    fill_member (&type->fields[i], value);

  return value;
}

static void
assert_lists_equal (const ApiType *type, GPtrArray *a, GPtrArray *b)
{
  g_assert_cmpuint (a ? a->len : 0, ==, b ? b->len : 0);

  for (guint i = 0; a != NULL && i < a->len; i++)
    sample_assert_equal (type, g_ptr_array_index (a, i), g_ptr_array_index (b, i));
}

static void
assert_strvs_equal (char **a, char **b)
{
  g_assert_true ((a == NULL) == (b == NULL));
  if (a != NULL)
    g_assert_cmpstrv (a, b);
}

static void
assert_json_equal (JsonNode *a, JsonNode *b)
{
  g_assert_true ((a == NULL) == (b == NULL));
  if (a != NULL)
    g_assert_true (json_node_equal (a, b));
}

static void
assert_doubles_equal (double a, double b)
{
  g_assert_true (isnan (a) == isnan (b));
  if (!isnan (a))
    g_assert_cmpfloat (a, ==, b);
}

static void
assert_member_equal (const ApiField *field, gconstpointer a, gconstpointer b)
{
  switch (field->kind)
    {
    case API_STRING:
      g_assert_cmpstr (MEMBER (char *, a, field), ==, MEMBER (char *, b, field));
      break;
    case API_STRV:
      assert_strvs_equal (MEMBER (char **, a, field), MEMBER (char **, b, field));
      break;
    case API_BOOL:
    case API_ENUM:
      g_assert_cmpint (MEMBER (int, a, field), ==, MEMBER (int, b, field));
      break;
    case API_INT:
      g_assert_cmpint (MEMBER (gint64, a, field), ==, MEMBER (gint64, b, field));
      break;
    case API_DOUBLE:
      assert_doubles_equal (MEMBER (double, a, field), MEMBER (double, b, field));
      break;
    case API_OBJECT:
      sample_assert_equal (field->type, MEMBER (gpointer, a, field), MEMBER (gpointer, b, field));
      break;
    case API_LIST:
      assert_lists_equal (field->type, MEMBER (GPtrArray *, a, field), MEMBER (GPtrArray *, b, field));
      break;
    case API_JSON:
      assert_json_equal (MEMBER (JsonNode *, a, field), MEMBER (JsonNode *, b, field));
      break;
    }
}

void
sample_assert_equal (const ApiType *type, gconstpointer a, gconstpointer b)
{
  g_assert_true ((a == NULL) == (b == NULL));

  for (gsize i = 0; a != NULL && i < type->n_fields; i++)
    assert_member_equal (&type->fields[i], a, b);
}
