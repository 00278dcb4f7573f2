/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What ends or changes a migration for good, and the questions before it. */

#include "client.h"
#include "ui-view.h"

void
ui_migration_post (UiContext *context, const char *host, const char *id, const char *name)
{
  g_autoptr(QmigAction) action = qmig_action_new ();
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s/actions/%s", id, name);

  action->reason = g_strdup ("asked for in the console");
  context->request (context, host, "POST", path, qmig_action_to_object (action), NULL, NULL, NULL, NULL);
}

typedef struct
{
  char *host;
  char *id;
  const char *action;
} Asked;

static void
asked_free (gpointer data)
{
  Asked *asked = data;

  g_free (asked->host);
  g_free (asked->id);
  g_free (asked);
}

static void
do_asked (UiContext *context, gpointer user_data)
{
  Asked *asked = user_data;

  ui_migration_post (context, asked->host, asked->id, asked->action);
  ui_model_say (context->model, UI_ROLE_INFO, "%s of %s was asked for", asked->action, asked->id);
}

/* @host: whose agent has the migration, as it is called here; the agent itself may have another name for it */
static gboolean
is_prod (const UiModel *model, const QmigMigrationInfo *info, const char *host)
{
  const char *names[] = { host, info->source, ui_model_destination_name (model, info) };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const UiHost *found = ui_model_find_host (model, names[i]);

      if (found != NULL && ui_host_has_label (found, "prod"))
        return TRUE;
    }
  return FALSE;
}

/* @irreversible: the name has to be typed, as it has to where a host is marked prod */
static void
ask (UiContext *context, const QmigMigrationInfo *info, const char *host, const char *action, const char *heading, const char *text,
     const char *yes, gboolean irreversible)
{
  Asked *asked = g_new0 (Asked, 1);
  gboolean prod = is_prod (context->model, info, host);
  g_autofree char *whole = prod ? g_strconcat (text, "\nA host of it is marked prod.", NULL) : g_strdup (text);

  asked->host = g_strdup (host);
  asked->id = g_strdup (info->id);
  asked->action = action;
  context->push (context, ui_confirm_new (heading, whole, irreversible || prod ? info->vm : NULL, yes, do_asked, asked, asked_free));
}

void
ui_migration_ask_cancel (UiContext *context, const QmigMigrationInfo *info, const char *host)
{
  g_autofree char *text
      = g_strdup_printf ("%s stays on %s and goes on there; what was prepared on %s is taken away. It can be tried again at any time.", info->vm,
                         info->source, ui_model_destination_name (context->model, info));

  ask (context, info, host, "cancel", "Cancel and roll back", text, "Cancel the move", FALSE);
}

void
ui_migration_ask_recover (UiContext *context, const QmigMigrationInfo *info, const char *host)
{
  g_autofree char *text = g_strdup_printf ("Both sides of %s are looked at, and the VM is made to run on exactly one of them. Where that cannot "
                                           "be proven, nothing is done.\nYour word where it runs is given by: qmig recover %s --assume",
                                           info->vm, info->id);

  ask (context, info, host, "recover", "Recover", text, "Recover", FALSE);
}

void
ui_migration_ask_postcopy (UiContext *context, const QmigMigrationInfo *info, const char *host)
{
  g_autofree char *text = NULL;

  if (info->postcopy || info->policy == NULL || !info->policy->allow_postcopy)
    {
      ui_model_say (context->model, UI_ROLE_DIM, info->postcopy ? "it is in post-copy already" : "post-copy has to be allowed before the start");
      return;
    }
  text = g_strdup_printf ("%s will run on %s at once; the rest of its memory follows by network.\nFrom then on there is NO way back: if the link or %s "
                         "fails, the VM is paused until qmig recover.",
                         info->vm, ui_model_destination_name (context->model, info),
                          ui_model_destination_name (context->model, info));

  ask (context, info, host, "postcopy", "Switch to post-copy", text, "Switch", TRUE);
}
