# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The demo guest: a 64 KiB firmware image (-bios) that is the whole guest.  No boot loader and no disk, so it runs
# within milliseconds of QEMU's start, also where KVM has to emulate every instruction.
#
# What it does for ever, in 32-bit protected mode without paging, with one interrupt (the timer, 1000 Hz):
#   - sends one byte per millisecond on COM1, and a line with its state every 64 of them (see "On the wire");
#   - writes one word into each page of a working set, at the chosen rate, after checking that the word is the one
#     the previous pass left there: a page that was lost, or is older than it should be, is noticed at the next visit;
#   - checks, page by page in the background, another word that was written into all pages at the start and never
#     changes, in the working set and in as many further pages as wanted;
#   - halts when there is nothing to do.
#
# Configuration: text in the fw_cfg file opt/qmig/guest, numbers behind words of which the first letter counts:
#   ws=64      working set, MiB                    (default 16)
#   rate=100   written pages, MiB/s; 0 is idle     (default 0)
#   fill=64    pages never written again, MiB      (default: as ws)
#   check=4    seconds for one background check of all pages; 0 is never (default 4)
# What does not fit into the RAM (or the first 2 GiB) is cut off, the fill first; the C line tells the real values.
#
# On the wire:
#   0x80 | (seq & 0x7f)                     a tick: seq counts every tick sent, without holes.  Heartbeats which the
#                                           guest could not serve in time share one tick.
#   S seq ms passes written errors rounds ready sum\n    after each tick with seq % 64 == 0
#   C ws fill rate check ram sum\n                       after each tick with seq % 256 == 0
#   E address expected found sum\n                       after an S line, once errors is not 0: the first error
# Numbers are 8 hex digits, sum is the sum of all bytes before it, 2 hex digits.  All bytes of lines are below 0x80.
#   ms       heartbeats since the start              written  pages written
#   passes   complete passes over the working set    rounds   complete background checks
#   ready    1 as soon as all pages are filled
#
# COM1 drops what nobody takes and never makes the guest wait.  An exception triple-faults into a reset: seq then
# starts again.
#
# Registers: each routine says which it takes and clobbers (it keeps the others); nothing lasts in one from call to call.
# What lasts is in memory, below 8 KiB, where a lost page would be noticed at once.  ebp is not used; the direction flag
# is clear; all segments are flat.

        .set    ROM,            0xF0000         # where the image is seen below 1 MiB; also its link address
        .set    COM1,           0x3F8
        .set    LAPIC,          0xFEE00000
        .set    FW_SELECT,      0x510
        .set    FW_DATA,        0x511
        .set    FW_RAM_SIZE,    0x03
        .set    FW_FILE_DIR,    0x19

        .set    PAGE_0,         0x100000        # first page of the working set; the fill follows it
        .set    PAGE_SHIFT,     12
        .set    PAGE_BYTES,     1 << PAGE_SHIFT
        .set    MAX_MIB,        2048            # q35 maps no more below 4 GiB when there is a lot
        .set    GEN_BITS,       13              # page number above, generation below: 2 GiB have 2^19 pages
        .set    GEN_MASK,       (1 << GEN_BITS) - 1
        .set    KEY,            0x15A7C3E9      # so that no page is zero
        .set    BATCH,          32              # pages between two looks at the clock; a power of two
        .set    LATE_MS,        50              # work that is more overdue than this is dropped, not caught up

# Variables, in the first page above the real-mode vectors
        .set    VARS,           0x1000
        .set    SEQ,            VARS + 0x00     # S line, in its order
        .set    MS,             VARS + 0x04
        .set    PASSES,         VARS + 0x08
        .set    WRITTEN,        VARS + 0x0C
        .set    ERRORS,         VARS + 0x10
        .set    ROUNDS,         VARS + 0x14
        .set    READY,          VARS + 0x18
        .set    WS,             VARS + 0x20     # C line, in its order
        .set    FILL,           VARS + 0x24
        .set    RATE,           VARS + 0x28
        .set    CHECK,          VARS + 0x2C
        .set    RAM,            VARS + 0x30
        .set    BAD_ADDRESS,    VARS + 0x40     # E line, in its order
        .set    BAD_EXPECTED,   VARS + 0x44
        .set    BAD_FOUND,      VARS + 0x48
        .set    BEATS,          VARS + 0x50     # written by the interrupt alone
        .set    GENERATION,     VARS + 0x54     # what this pass writes
        .set    NEXT_WRITE,     VARS + 0x58     # page number in the working set
        .set    NEXT_CHECK,     VARS + 0x5C     # page number in working set and fill
        .set    WS_PAGES,       VARS + 0x60
        .set    ALL_PAGES,      VARS + 0x64
        .set    WRITE_CREDIT,   VARS + 0x68     # 1000 of it pay for a page
        .set    WRITE_INCOME,   VARS + 0x6C     # per millisecond
        .set    CHECK_CREDIT,   VARS + 0x70     # CHECK_PRICE of it pay for a page
        .set    CHECK_INCOME,   VARS + 0x74
        .set    CHECK_PRICE,    VARS + 0x78
        .set    VARS_BYTES,     0x80
        .set    LINE,           0x1100
        .set    TEXT,           0x1800
        .set    TEXT_MAX,       255
        .set    ENTRY,          0x1A00          # one entry of the fw_cfg directory, 64 bytes
        .set    STACK,          0x7000

        .text
image:

# ---------------------------------------------------------------------------------------------- 16 bit: the way in
        .code16
enter:
        cli
        cld
        lgdtl   %cs:gdt_pointer - image
        movl    $0x11, %eax                     # protected mode, caches on
        movl    %eax, %cr0
        ljmpl   $8, $start

        .code32
        .balign 8
gdt:                                            # accessed bits are set: the table is in ROM
        .quad   0
        .quad   0x00CF9B000000FFFF              # 0x08: code, 4 GiB flat
        .quad   0x00CF93000000FFFF              # 0x10: data, 4 GiB flat
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt

        .macro  gate handler
        .word   \handler - image, 8, 0x8E00, ROM >> 16
        .endm
        .balign 8
idt:
        .fill   32, 8, 0                        # no exceptions: triple fault
        gate    heartbeat
        .rept   15
        gate    ignore
        .endr
idt_pointer:
        .word   idt_pointer - idt - 1
        .long   idt

# Interrupts are off but for the one place that waits for them, where eax and the flags are free.  So the way back is a
# plain return, with interrupts off again: where KVM emulates every instruction it knows no iret in protected mode.
heartbeat:
        incl    BEATS
        movb    $0x20, %al                      # end of interrupt
        outb    %al, $0x20
ignore:                                         # a spurious IRQ 7 wants no end of interrupt
        ret     $8

# ---------------------------------------------------------------------------------------------- start
start:
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $STACK, %esp
        lidtl   idt_pointer

        xorl    %eax, %eax                      # RAM is not zero after a reset
        movl    $VARS, %edi
        movl    $VARS_BYTES / 4, %ecx
        rep stosl

        call    read_config
        call    plan_memory
        call    start_devices
        call    fill_memory

# ---------------------------------------------------------------------------------------------- the loop
work:
        call    serve_clock

        movl    $WRITE_CREDIT, %esi             # first what is due of the writing
        movl    $1000, %ebx
        movl    WS_PAGES, %ecx
        subl    NEXT_WRITE, %ecx
        call    buy_pages
        jecxz   1f
        call    write_pages
        jmp     work

1:      movl    $CHECK_CREDIT, %esi             # then of the checking
        movl    CHECK_PRICE, %ebx
        movl    ALL_PAGES, %ecx
        subl    NEXT_CHECK, %ecx
        call    buy_pages
        jecxz   2f
        call    check_pages
        jmp     work

2:      call    await_interrupt
        jmp     work

# Interrupts are on nowhere else: an emulating KVM does not look for them between any two instructions, but it does at
# a halt, which takes no time if one is pending.
await_interrupt:
        sti                                     # takes effect after hlt: no beat is slept through
        hlt
        cli                                     # something else may have ended the halt
        ret

# esi: an account, ebx: the price of a page, ecx: the most that are wanted.  Pays for as many as there is credit for,
# but a batch at most; returns their number in ecx.  Clobbers eax, edx.
buy_pages:
        cmpl    $BATCH, %ecx
        jbe     1f
        movl    $BATCH, %ecx
1:      movl    (%esi), %eax
        xorl    %edx, %edx
        divl    %ebx
        cmpl    %eax, %ecx
        jbe     2f
        movl    %eax, %ecx
2:      movl    %ecx, %eax
        imull   %ebx, %eax
        subl    %eax, (%esi)
        ret

# Send a tick if the heart beat since the last one, and hand out the credit for the time between.
# Clobbers eax, ecx, edx, esi, edi.
serve_clock:
        inb     $0x20, %al                      # the PIC's pending interrupts
        testb   $1, %al
        jz      1f
        call    await_interrupt
1:      movl    BEATS, %ecx
        movl    %ecx, %eax
        subl    MS, %ecx                        # ecx: milliseconds since the last call
        jz      9f
        movl    %eax, MS
        cmpl    $LATE_MS, %ecx
        jbe     1f
        movl    $LATE_MS, %ecx
1:
        movl    WRITE_INCOME, %eax
        movl    $WRITE_CREDIT, %edi
        call    add_credit
        movl    CHECK_INCOME, %eax
        movl    $CHECK_CREDIT, %edi
        call    add_credit

        incl    SEQ
        movl    SEQ, %eax
        orb     $0x80, %al
        movw    $COM1, %dx
        outb    %al, %dx

        testl   $63, SEQ
        jnz     9f
        movb    $'S', %al
        movl    $SEQ, %esi
        movl    $7, %ecx
        call    send_line
        cmpl    $0, ERRORS
        je      2f
        movb    $'E', %al
        movl    $BAD_ADDRESS, %esi
        movl    $3, %ecx
        call    send_line
2:      testl   $255, SEQ
        jnz     9f
        movb    $'C', %al
        movl    $WS, %esi
        movl    $5, %ecx
        call    send_line
9:      ret

# eax: income per millisecond, ecx: milliseconds, edi: the account.  It never holds more than LATE_MS can earn: a guest
# that was held up (throttled, starved) goes on at its rate and does not make up for lost time.  Clobbers eax, edx, esi.
add_credit:
        imull   $LATE_MS, %eax, %esi
        imull   %ecx, %eax
        addl    (%edi), %eax
        cmpl    %esi, %eax
        jbe     1f
        movl    %esi, %eax
1:      movl    %eax, (%edi)
        ret

# ---------------------------------------------------------------------------------------------- memory
# The first word of page n of the working set holds KEY + (n << GEN_BITS) + generation; the last word of each page,
# working set or fill, holds KEY + (n << GEN_BITS) for ever.  Both grow by WORD_STEP from page to page: an emulating
# KVM needs half a microsecond for an instruction, so the loops below are short.
        .set    WORD_STEP,      1 << GEN_BITS
        .set    LAST_WORD,      PAGE_BYTES - 4

# Make edi the address and eax the lasting word of page eax.
        .macro  locate_page
        movl    %eax, %edi
        shll    $PAGE_SHIFT, %edi
        addl    $PAGE_0, %edi
        shll    $GEN_BITS, %eax
        addl    $KEY, %eax
        .endm

# Visit the next ecx pages of the working set, which do not go beyond its end.  Clobbers eax, ecx, edx, edi.
write_pages:
        movl    NEXT_WRITE, %eax
        locate_page
        addl    %ecx, WRITTEN
        addl    %ecx, NEXT_WRITE
        movl    GENERATION, %edx
        andl    $GEN_MASK, %edx
        addl    %eax, %edx                      # edx: what comes there
        pushl   %edx
        movl    GENERATION, %edx
        decl    %edx
        andl    $GEN_MASK, %edx
        addl    %edx, %eax                      # eax: what is there
        popl    %edx
1:      cmpl    %eax, (%edi)
        jne     4f
2:      movl    %edx, (%edi)
        addl    $WORD_STEP, %eax
        addl    $WORD_STEP, %edx
        addl    $PAGE_BYTES, %edi
        loop    1b

        movl    NEXT_WRITE, %eax
        cmpl    WS_PAGES, %eax
        jb      3f
        movl    $0, NEXT_WRITE
        incl    PASSES
        incl    GENERATION
3:      ret
4:      call    mismatch
        jmp     2b

# Check the lasting word of the next ecx pages, which do not go beyond the end.  Clobbers eax, ecx, edi.
check_pages:
        movl    NEXT_CHECK, %eax
        locate_page
        addl    $LAST_WORD, %edi
        addl    %ecx, NEXT_CHECK
1:      cmpl    %eax, (%edi)
        jne     4f
2:      addl    $WORD_STEP, %eax
        addl    $PAGE_BYTES, %edi
        loop    1b

        movl    NEXT_CHECK, %eax
        cmpl    ALL_PAGES, %eax
        jb      3f
        movl    $0, NEXT_CHECK
        incl    ROUNDS
3:      ret
4:      call    mismatch
        movl    %eax, (%edi)                    # counted once
        jmp     2b

# edi: address, eax: what should be there.
mismatch:
        incl    ERRORS
        cmpl    $1, ERRORS
        jne     1f
        movl    %edi, BAD_ADDRESS
        movl    %eax, BAD_EXPECTED
        pushl   (%edi)
        popl    BAD_FOUND
1:      ret

# Give all pages their lasting word, and the working set generation 0.  Ticks meanwhile, earns nothing.
# Clobbers eax, ebx, ecx, edx, esi, edi.
fill_memory:
        movl    $1, GENERATION
        xorl    %ebx, %ebx                      # ebx: page number
1:      cmpl    ALL_PAGES, %ebx
        jae     4f
        testl   $BATCH - 1, %ebx
        jnz     2f
        call    serve_clock
2:      movl    %ebx, %eax
        locate_page
        movl    %eax, LAST_WORD(%edi)
        cmpl    WS_PAGES, %ebx
        jae     3f
        movl    %eax, (%edi)
3:      incl    %ebx
        jmp     1b
4:      movl    $0, WRITE_CREDIT
        movl    $0, CHECK_CREDIT
        movl    $1, READY
        ret

# Fit the wishes into the RAM, and turn them into pages and incomes.  Clobbers eax, ecx, edx.
plan_memory:
        movl    RAM, %eax
        cmpl    $MAX_MIB, %eax
        jbe     1f
        movl    $MAX_MIB, %eax
1:      decl    %eax                            # eax: MiB there are
        cmpl    %eax, WS
        jbe     2f
        movl    %eax, WS
2:      subl    WS, %eax
        cmpl    %eax, FILL
        jbe     3f
        movl    %eax, FILL
3:      movl    WS, %eax
        movl    %eax, %ecx
        addl    FILL, %ecx
        shll    $20 - PAGE_SHIFT, %eax
        shll    $20 - PAGE_SHIFT, %ecx
        movl    %eax, WS_PAGES
        movl    %ecx, ALL_PAGES

        movl    RATE, %edx
        shll    $20 - PAGE_SHIFT, %edx          # pages per second: thousandths of a page per millisecond
        testl   %eax, %eax
        jnz     4f
        xorl    %edx, %edx
4:      movl    %edx, WRITE_INCOME

        imull   $1000, CHECK, %eax              # all pages within so many milliseconds
        testl   %eax, %eax
        jnz     5f
        xorl    %ecx, %ecx
        incl    %eax
5:      movl    %eax, CHECK_PRICE
        movl    %ecx, CHECK_INCOME
        ret

# ---------------------------------------------------------------------------------------------- the wire
# al: letter, esi: words, ecx: how many.  Clobbers eax, ecx, edx, esi, edi.
send_line:
        pushl   %ebx
        movl    $LINE, %edi
        stosb
1:      movb    $' ', %al
        stosb
        lodsl
        movl    %eax, %edx
        movb    $8, %ch
        call    put_hex
        decb    %cl
        jnz     1b
        movb    $' ', %al
        stosb
        xorl    %edx, %edx
        movl    $LINE, %esi
2:      lodsb
        addb    %al, %dl
        cmpl    %edi, %esi
        jb      2b
        shll    $24, %edx
        movb    $2, %ch
        call    put_hex
        movb    $'\n', %al
        stosb
        movl    %edi, %ecx
        movl    $LINE, %esi
        subl    %esi, %ecx
        movw    $COM1, %dx
        rep outsb                               # one exit for the line, not one for each byte
        popl    %ebx
        ret

# edx: the digits, from its top; ch: how many; edi: where they go.  Clobbers eax, ch, edx.
put_hex:
        roll    $4, %edx
        movb    %dl, %al
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     1f
        addb    $'a' - '0' - 10, %al
1:      stosb
        decb    %ch
        jnz     put_hex
        ret

# ---------------------------------------------------------------------------------------------- devices
start_devices:
        movw    $COM1 + 1, %dx                  # no interrupts
        xorl    %eax, %eax
        outb    %al, %dx
        movb    $3, %al
        movw    $COM1 + 3, %dx                  # 8 bits, no parity, 1 stop bit
        outb    %al, %dx
        movb    $1, %al
        movw    $COM1 + 2, %dx                  # FIFO: what the host does not take at once waits there, or is lost
        outb    %al, %dx

        .macro  port number, value
        movb    $\value, %al
        outb    %al, $\number
        .endm
        port    0x20, 0x11                      # PICs: edge triggered, cascaded
        port    0xA0, 0x11
        port    0x21, 0x20                      # vectors 0x20 and 0x28
        port    0xA1, 0x28
        port    0x21, 0x04
        port    0xA1, 0x02
        port    0x21, 0x01                      # 8086 mode
        port    0xA1, 0x01
        port    0x21, 0xFE                      # the timer alone
        port    0xA1, 0xFF

        movl    $0x1FF, LAPIC + 0xF0            # local APIC on; while it is off its inputs stay masked
        movl    $0x8700, LAPIC + 0x350          # LINT0 is the PICs

        .set    DIVISOR,        1193            # of 1193182 Hz
        port    0x43, 0x34                      # channel 0, both bytes, rate generator
        port    0x40, DIVISOR & 0xFF
        port    0x40, DIVISOR >> 8
        ret

# ---------------------------------------------------------------------------------------------- configuration
read_config:
        movl    $16, WS
        movl    $-1, FILL
        movl    $4, CHECK

        movl    $FW_RAM_SIZE, %eax
        call    fw_select
        movl    $ENTRY, %edi
        movl    $8, %ecx
        rep insb
        movl    ENTRY, %eax                     # bytes, 64 bit, to MiB
        movl    ENTRY + 4, %edx
        shrdl   $20, %edx, %eax
        movl    %eax, RAM

        call    find_config
        call    parse_config
        cmpl    $-1, FILL
        jne     1f
        movl    WS, %eax
        movl    %eax, FILL
1:      ret

# eax: key.  Leaves dx at the data port.
fw_select:
        movw    $FW_SELECT, %dx
        outw    %ax, %dx
        movw    $FW_DATA, %dx
        ret

# Read the file's text to TEXT, which stays empty if there is none.  Clobbers eax, ebx, ecx, edx, esi, edi.
find_config:
        movb    $0, TEXT
        movl    $FW_FILE_DIR, %eax
        call    fw_select
        movl    $ENTRY, %edi
        movl    $4, %ecx
        rep insb
        movl    ENTRY, %ebx
        bswapl  %ebx                            # ebx: entries left
1:      testl   %ebx, %ebx
        jz      9f
        decl    %ebx
        movl    $ENTRY, %edi
        movl    $64, %ecx
        rep insb
        movl    $ENTRY + 8, %edi                # size.l select.w reserved.w name, big endian
        movl    $config_name, %esi
        movl    $config_name_end - config_name, %ecx
        repe cmpsb
        jne     1b

        movzwl  ENTRY + 4, %eax
        xchgb   %al, %ah
        call    fw_select
        movl    ENTRY, %ecx
        bswapl  %ecx
        cmpl    $TEXT_MAX, %ecx
        jbe     2f
        movl    $TEXT_MAX, %ecx
2:      movl    $TEXT, %edi
        jecxz   3f
        rep insb
3:      movb    $0, (%edi)
9:      ret

config_name:
        .asciz  "opt/qmig/guest"
config_name_end:

# A word's first letter chooses the variable, the next digits are its number, whatever stands between.
# ebx: the variable (0: none); esi: the text.  Clobbers eax, ebx, ecx, edx, esi.
parse_config:
        movl    $TEXT, %esi
        xorl    %ebx, %ebx
1:      xorl    %eax, %eax
        lodsb
        testb   %al, %al
        jz      9f
        cmpb    $'0', %al
        jb      1b
        cmpb    $'9', %al
        jbe     3f
        testl   %ebx, %ebx                      # further letters of the word
        jnz     1b
        movl    $WS, %ebx
        cmpb    $'w', %al
        je      1b
        movl    $FILL, %ebx
        cmpb    $'f', %al
        je      1b
        movl    $RATE, %ebx
        cmpb    $'r', %al
        je      1b
        movl    $CHECK, %ebx
        cmpb    $'c', %al
        je      1b
        xorl    %ebx, %ebx
        jmp     1b

3:      xorl    %edx, %edx                      # edx: the number
4:      imull   $10, %edx
        leal    -'0'(%edx, %eax), %edx
        lodsb
        cmpb    $'0', %al
        jb      5f
        cmpb    $'9', %al
        jbe     4b
5:      decl    %esi
        cmpl    $99999, %edx                    # larger ones would overflow the accounts
        jbe     6f
        movl    $99999, %edx
6:      testl   %ebx, %ebx
        jz      1b
        movl    %edx, (%ebx)
        xorl    %ebx, %ebx
        jmp     1b
9:      ret

# ---------------------------------------------------------------------------------------------- reset vector
        .org    0xFFF0, 0xF4
        .code16
        .globl  reset
reset:
        jmp     enter
        .org    0xFFFF, 0xF4
        .byte   0xF4
