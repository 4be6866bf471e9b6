/* Words of scripts and of observations. */
#include "recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* N and N.B are in the arena; b, m and s count pages from the initial break, the last mapping and the stack. */
uint64_t parse_address(const char *word)
{
	switch (word[0]) {
	case 'b':
		return layout.initial_brk + atol(word + 1) * PAGE;
	case 'm':
		return layout.last_mapping + atol(word + 1) * PAGE;
	case 's':
		return layout.stack_bottom + atol(word + 1) * PAGE;
	case '@':
		return strtoul(word + 1, NULL, 16);
	default:
		return ARENA_START + parse_length(word);
	}
}

/* N pages, or N.B: N pages and B bytes. */
long parse_length(const char *word)
{
	const char *dot = strchr(word, '.');
	return atol(word) * (long)PAGE + (dot != NULL ? atol(dot + 1) : 0);
}

int parse_protection(const char *word)
{
	int protection = 0;
	for (; *word != '\0'; word++) {
		if (*word == 'r')
			protection |= PROT_READ;
		if (*word == 'w')
			protection |= PROT_WRITE;
		if (*word == 'x')
			protection |= PROT_EXEC;
		if (*word == 'g')
			protection |= PROT_GROWSDOWN;
	}
	return protection;
}

static const struct { const char *name; int value; } advices[] = {
	{ "normal", 0 },          { "random", 1 },          { "sequential", 2 },     { "willneed", 3 },
	{ "dontneed", 4 },        { "free", 8 },            { "remove", 9 },         { "dontfork", 10 },
	{ "dofork", 11 },         { "mergeable", 12 },      { "unmergeable", 13 },   { "hugepage", 14 },
	{ "nohugepage", 15 },     { "dontdump", 16 },       { "dodump", 17 },        { "wipeonfork", 18 },
	{ "keeponfork", 19 },     { "cold", 20 },           { "pageout", 21 },       { "populate_read", 22 },
	{ "populate_write", 23 }, { "dontneed_locked", 24 }, { "collapse", 25 },     { "guard_install", 102 },
	{ "guard_remove", 103 },
};

/* A name, or the number itself. */
int parse_advice(const char *word)
{
	for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
		if (strcmp(advices[i].name, word) == 0)
			return advices[i].value;
	return atoi(word);
}

/* Is `word` one of the words that `list` joins with commas? */
bool list_has(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = strstr(list, word); at != NULL; at = strstr(at + length, word)) {
		bool starts = at == list || at[-1] == ',';
		bool ends = at[length] == '\0' || at[length] == ',';
		if (starts && ends)
			return true;
	}
	return false;
}

const char *address_text(uint64_t address)
{
	static char texts[8][40];
	static int next;
	char *text = texts[next++ % 8];
	uint64_t brk = layout.initial_brk, top = layout.mmap_top, stack = layout.stack_bottom;
	if (address >= ARENA_START && address < ARENA_END) {
		uint64_t offset = address - ARENA_START;
		if (offset % PAGE == 0)
			sprintf(text, "A+%lu", offset / PAGE);
		else
			sprintf(text, "A+%lu.%lu", offset / PAGE, offset % PAGE);
	} else if (brk != 0 && address >= brk - (1UL << 20) && address < brk + (1UL << 30)) {
		sprintf(text, "B%+ld", ((long)address - (long)brk) / (long)PAGE);
	} else if (top != 0 && address > top - (1UL << 40) && address <= top + PAGE) {
		sprintf(text, "M-%lu", (top + PAGE - address) / PAGE);
	} else if (stack != 0 && address >= stack - (1UL << 24) && address < stack + (1UL << 24)) {
		sprintf(text, "S%+ld", ((long)address - (long)stack) / (long)PAGE);
	} else {
		sprintf(text, "0x%lx", address);
	}
	return text;
}

const char *error_text(long error)
{
	static const struct { int value; const char *name; } names[] = {
		{ EPERM, "EPERM" },   { ENOENT, "ENOENT" }, { ESRCH, "ESRCH" },           { EIO, "EIO" },
		{ ENXIO, "ENXIO" },   { EBADF, "EBADF" },   { EAGAIN, "EAGAIN" },         { ENOMEM, "ENOMEM" },
		{ EACCES, "EACCES" }, { EFAULT, "EFAULT" }, { EBUSY, "EBUSY" },           { EEXIST, "EEXIST" },
		{ ENODEV, "ENODEV" }, { EINVAL, "EINVAL" }, { ETXTBSY, "ETXTBSY" },       { ENOSYS, "ENOSYS" },
		{ EOPNOTSUPP, "EOPNOTSUPP" },               { EOVERFLOW, "EOVERFLOW" },
	};
	static char number[24];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].value == error)
			return names[i].name;
	sprintf(number, "E%ld", error);
	return number;
}
