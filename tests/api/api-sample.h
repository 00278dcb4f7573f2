/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values of any type in api-types.h, made from its table and GLib's seeded random numbers. */

#include "api-types.h"

/* Every member is set. */
gpointer sample_new (const ApiType *type);

/* Compares the members themselves, so that an error in writing cannot hide one in reading. */
void sample_assert_equal (const ApiType *type, gconstpointer a, gconstpointer b);
