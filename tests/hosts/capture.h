/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Somebody who listens on the wire: the contents of each TCP flow, searched for a text as they come by. */

#include "place.h"

G_BEGIN_DECLS

typedef struct _Capture Capture;

typedef struct
{
  guint64 payload_bytes;  /* of all TCP flows */
  guint64 largest_bytes;  /* of the flow that carried most */
  guint64 found_in_largest; /* how often the text came by in it … */
  guint64 found;          /* … and in all flows */
  guint64 lost_frames;    /* that the listener was too slow for: without them nothing is proved by not finding it */
} CaptureState;

/* Listens on @interface of @place with a thread of its own.  Frames count once, in whichever direction they go. */
Capture *capture_new (const Place *place, const char *interface, const char *text);
/* Stops, and tells what was there. */
void capture_end (Capture *capture, CaptureState *state);

G_END_DECLS
