/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-check-vmstate.h"

#include <string.h>

#include "json-strict.h"

/* A description comes from another host: no nesting beyond what QEMU has. */
#define NESTING_MAX 16
/* What of a long list is told. */
#define TOLD_MAX 5

void
qmig_vmstate_finding_free (QmigVmstateFinding *self)
{
  g_free (self->ours);
  g_free (self->theirs);
  g_free (self);
}

static void
add_finding (GPtrArray *findings, gboolean fatal, char *ours, char *theirs)
{
  QmigVmstateFinding *finding = g_new (QmigVmstateFinding, 1);

  *finding = (QmigVmstateFinding) { ours, theirs, fatal };
  g_ptr_array_add (findings, finding);
}

/* -- what is on the wire --------------------------------------------------------- */

/* A field that holds no others. */
typedef struct
{
  const char *name; /* the description's */
  gint64 size;      /* bytes, of one element where it is an array */
  gint64 count;     /* of elements; 0: QEMU before 8.2 does not say */
  gboolean may_lack; /* the program decides whether it is there, mostly by the machine type */
} Leaf;

/* QEMU says `num` of arrays since 8.2; a dump without any is of one that is older. */
static gboolean
counts_elements (JsonObject *description, guint depth)
{
  JsonArray *fields = json_strict_array (description, "Fields");

  for (guint i = 0; fields != NULL && depth < NESTING_MAX && i < json_array_get_length (fields); i++)
    {
      JsonNode *node = json_array_get_element (fields, i);
      JsonObject *field = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

      if (field != NULL && (json_object_has_member (field, "num") || counts_elements (json_strict_object (field, "Description"), depth + 1)))
        return TRUE;
    }
  return FALSE;
}

static void
add_leaf (JsonObject *field, gboolean counts, GArray *leaves)
{
  Leaf leaf = { json_strict_string (field, "field", "?"), json_strict_int (field, "size", 0), json_strict_int (field, "num", counts ? 1 : 0),
                json_strict_bool (field, "field_exists", FALSE) };

  g_array_append_val (leaves, leaf);
}

/* The fields of @description as they are in a section of @version, those of structures in their place. */
static void
flatten (JsonObject *description, gint64 version, gboolean counts, guint depth, GArray *leaves)
{
  JsonArray *fields = json_strict_array (description, "Fields");

  for (guint i = 0; fields != NULL && i < json_array_get_length (fields); i++)
    {
      JsonNode *node = json_array_get_element (fields, i);
      JsonObject *field = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      JsonObject *inner = json_strict_object (field, "Description");

      if (field == NULL || json_strict_int (field, "version_id", 0) > version)
        continue;
      if (inner != NULL && depth < NESTING_MAX)
        flatten (inner, json_strict_int (inner, "version_id", 0), counts, depth + 1, leaves);
      else
        add_leaf (field, counts, leaves);
    }
}

static gboolean
is_unused (const Leaf *leaf)
{
  return g_str_equal (leaf->name, "unused");
}

/* One is a gap where the other has something, and nothing says that they differ in length. */
static gboolean
may_fill (const Leaf *gap, const Leaf *filling)
{
  return is_unused (gap) && filling->count == 0 && filling->size > 0 && gap->size % filling->size == 0;
}

static gboolean
is_same (const Leaf *a, const Leaf *b)
{
  if (may_fill (a, b) || may_fill (b, a))
    return TRUE;
  if (a->count == 0 || b->count == 0)
    return a->size == b->size;
  return a->size * a->count == b->size * b->count;
}

static char *
leaf_text (const char *section, const Leaf *leaf)
{
  if (leaf == NULL)
    return g_strdup_printf ("%s: ends", section);
  if (leaf->count > 1)
    return g_strdup_printf ("%s: %s, %" G_GINT64_FORMAT " times %" G_GINT64_FORMAT " bytes", section, leaf->name, leaf->count, leaf->size);
  return g_strdup_printf ("%s: %s, %" G_GINT64_FORMAT " bytes", section, leaf->name, leaf->size);
}

/* The one of both that is passed over: a field that only one program knows, and leaves out for the other's sake. */
static const Leaf *
choose_absent (const Leaf *one, const Leaf *other)
{
  if (one != NULL && other != NULL && g_str_equal (one->name, other->name))
    return NULL;
  if (other != NULL && other->may_lack)
    return other;
  return one != NULL && one->may_lack ? one : NULL;
}

/* The first that differs: behind it nothing fits. */
static void
compare_leaves (const char *section, const GArray *sent, const GArray *awaited, GPtrArray *findings)
{
  guint i = 0, j = 0;

  while (i < sent->len || j < awaited->len)
    {
      const Leaf *one = i < sent->len ? &g_array_index (sent, Leaf, i) : NULL;
      const Leaf *other = j < awaited->len ? &g_array_index (awaited, Leaf, j) : NULL;
      gboolean fits = one != NULL && other != NULL && is_same (one, other);
      const Leaf *absent = fits ? NULL : choose_absent (one, other);

      if (!fits && absent == NULL)
        {
          add_finding (findings, FALSE, leaf_text (section, one), leaf_text (section, other));
          return;
        }
      i += fits || absent == one;
      j += fits || absent == other;
    }
}

static void
compare_fields (JsonObject *ours, JsonObject *theirs, gint64 version, GPtrArray *findings)
{
  g_autoptr(GArray) sent = g_array_new (FALSE, FALSE, sizeof (Leaf));
  g_autoptr(GArray) awaited = g_array_new (FALSE, FALSE, sizeof (Leaf));

  flatten (ours, version, counts_elements (ours, 0), 0, sent);
  flatten (theirs, version, counts_elements (theirs, 0), 0, awaited);
  compare_leaves (json_strict_string (ours, "name", "?"), sent, awaited, findings);
}

/* -- descriptions ---------------------------------------------------------------- */

static JsonObject *
find_subsection (JsonObject *description, const char *name)
{
  JsonArray *list = json_strict_array (description, "Subsections");

  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    {
      JsonNode *node = json_array_get_element (list, i);

      if (JSON_NODE_HOLDS_OBJECT (node) && g_strcmp0 (json_strict_string (json_node_get_object (node), "name", NULL), name) == 0)
        return json_node_get_object (node);
    }
  return NULL;
}

/* One that only the source knows is no finding: QEMU sends a subsection where it must, and what is new is off for an older machine type. */
static void
compare_subsections (JsonObject *ours, JsonObject *theirs, guint depth, GPtrArray *findings)
{
  JsonArray *list = json_strict_array (ours, "Subsections");

  for (guint i = 0; list != NULL && depth < NESTING_MAX && i < json_array_get_length (list); i++)
    {
      JsonNode *node = json_array_get_element (list, i);
      JsonObject *sent = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      JsonObject *awaited = sent != NULL ? find_subsection (theirs, json_strict_string (sent, "name", NULL)) : NULL;

      if (awaited == NULL)
        continue;
      compare_fields (sent, awaited, json_strict_int (sent, "version_id", 0), findings);
      compare_subsections (sent, awaited, depth + 1, findings);
    }
}

void
qmig_vmstate_compare (JsonObject *ours, JsonObject *theirs, GPtrArray *findings)
{
  const char *name = json_strict_string (ours, "name", "");
  const char *their_name = json_strict_string (theirs, "name", "");
  gint64 version = json_strict_int (ours, "version_id", 0);
  gint64 newest = json_strict_int (theirs, "version_id", 0);
  gint64 oldest = json_strict_int (theirs, "minimum_version_id", 0);

  if (!g_str_equal (name, their_name))
    add_finding (findings, TRUE, g_strdup_printf ("sends '%s'", name), g_strdup_printf ("knows '%s'", their_name));
  else if (version > newest || version < oldest)
    add_finding (findings, TRUE, g_strdup_printf ("%s: version %" G_GINT64_FORMAT, name, version),
                 g_strdup_printf ("%s: versions %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, name, oldest, newest));
  else
    {
      compare_fields (ours, theirs, version, findings);
      compare_subsections (ours, theirs, 0, findings);
    }
}

/* -- the check ------------------------------------------------------------------- */

typedef struct
{
  GPtrArray *findings;
  GString *types;     /* that have findings */
  guint n_compared;
} Comparison;

static void
compare_type (const char *type, JsonNode *ours, JsonObject *theirs, Comparison *c)
{
  JsonObject *other = json_strict_object (theirs, type);
  guint before = c->findings->len;

  if (!JSON_NODE_HOLDS_OBJECT (ours) || other == NULL)
    return;
  c->n_compared++;
  qmig_vmstate_compare (json_node_get_object (ours), other, c->findings);
  if (c->findings->len > before)
    g_string_append_printf (c->types, "%s%s", c->types->len > 0 ? ", " : "", type);
}

static gboolean
any_fatal (const GPtrArray *findings)
{
  for (guint i = 0; i < findings->len; i++)
    if (((const QmigVmstateFinding *) g_ptr_array_index (findings, i))->fatal)
      return TRUE;
  return FALSE;
}

static void
set_evidence (QmigCheck *check, const GPtrArray *findings)
{
  g_autoptr(GString) ours = g_string_new (NULL);
  g_autoptr(GString) theirs = g_string_new (NULL);

  for (guint i = 0; i < MIN (findings->len, TOLD_MAX); i++)
    {
      const QmigVmstateFinding *finding = g_ptr_array_index (findings, i);

      g_string_append_printf (ours, "%s%s", i > 0 ? "; " : "", finding->ours);
      g_string_append_printf (theirs, "%s%s", i > 0 ? "; " : "", finding->theirs);
    }
  qmig_check_set_evidence (check, ours->str, theirs->str);
}

static void
judge (const Comparison *c, const char *where, GPtrArray *checks)
{
  QmigCheck *check;

  if (c->findings->len == 0)
    qmig_check_add (checks, "vmstate", QMIG_CHECK_OK, NULL, "the state of the VM's %u types of devices has the same form in both QEMUs", c->n_compared);
  else
    {
      gboolean fatal = any_fatal (c->findings);

      check = qmig_check_add (checks, "vmstate", fatal ? QMIG_CHECK_FAIL : QMIG_CHECK_WARN,
                              fatal ? "use a QEMU there that is not older, or start the VM without the device" : "`qmig rehearse` shows whether it loads",
                              "QEMU on '%s' awaits the state of %s in another form", where, c->types->str);
      set_evidence (check, c->findings);
    }
}

void
qmig_check_vmstate (JsonObject *ours, const QmigFacts *destination, const char *where, GPtrArray *checks)
{
  JsonObject *theirs = destination->vmstate != NULL && JSON_NODE_HOLDS_OBJECT (destination->vmstate) ? json_node_get_object (destination->vmstate) : NULL;
  Comparison c = { g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vmstate_finding_free), g_string_new (NULL), 0 };
  JsonObjectIter iter;
  const char *type;
  JsonNode *description;

  if (destination->same_binary)
    qmig_check_add (checks, "vmstate", QMIG_CHECK_OK, NULL, "the destination runs the very program that the source does");
  else if (ours == NULL || theirs == NULL)
    qmig_check_add (checks, "vmstate", QMIG_CHECK_OK, NULL, "not known: %s did not say what its devices send",
                    ours == NULL ? "the source's QEMU" : "the destination's QEMU");
  else
    {
      json_object_iter_init_ordered (&iter, ours);
      while (json_object_iter_next_ordered (&iter, &type, &description))
        compare_type (type, description, theirs, &c);
      judge (&c, where, checks);
    }
  g_ptr_array_unref (c.findings);
  g_string_free (c.types, TRUE);
}
