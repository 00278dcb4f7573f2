/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-fixture.h"
int main (int argc, char **argv) { return 77; }
