/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/stamp.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "rt/version.h"

/* ---- numbers ------------------------------------------------------------------------ */

struct object {
	const unsigned char *data;
	size_t len;
	Elf64_Ehdr head;
};

/* N things of SIZE bytes at OFF: are they in the file? */
static bool is_within(const struct object *o, uint64_t off, uint64_t n, uint64_t size)
{
	return off <= o->len && n <= (o->len - off) / size;
}

static int open_object(struct object *o, struct ch_err *err)
{
	static const unsigned char native = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
										      : ELFDATA2MSB;

	if (o->len < sizeof(o->head))
		return ch_err_set(err, -EINVAL, "no shared object");
	memcpy(&o->head, o->data, sizeof(o->head));
	if (memcmp(o->head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    o->head.e_ident[EI_CLASS] != ELFCLASS64 || o->head.e_ident[EI_DATA] != native ||
	    o->head.e_type != ET_DYN)
		return ch_err_set(err, -EINVAL, "no shared object of this machine");
	if (o->head.e_shentsize != sizeof(Elf64_Shdr) ||
	    o->head.e_phentsize != sizeof(Elf64_Phdr) ||
	    !is_within(o, o->head.e_shoff, o->head.e_shnum, sizeof(Elf64_Shdr)) ||
	    !is_within(o, o->head.e_phoff, o->head.e_phnum, sizeof(Elf64_Phdr)))
		return ch_err_set(err, -EINVAL, "damaged or truncated");
	return 0;
}

static Elf64_Shdr section(const struct object *o, size_t i)
{
	Elf64_Shdr s;

	memcpy(&s, o->data + o->head.e_shoff + i * sizeof(s), sizeof(s));
	return s;
}

/* Read 4 bytes at address ADDR of the loaded object. */
static bool load(const struct object *o, uint64_t addr, uint32_t *ret)
{
	for (size_t i = 0; i < o->head.e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, o->data + o->head.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_LOAD || addr < p.p_vaddr || p.p_filesz < sizeof(*ret) ||
		    addr - p.p_vaddr > p.p_filesz - sizeof(*ret))
			continue;

		uint64_t off = p.p_offset + (addr - p.p_vaddr);

		if (off < p.p_offset || !is_within(o, off, 1, sizeof(*ret)))
			return false;
		memcpy(ret, o->data + off, sizeof(*ret));
		return true;
	}
	return false;
}

/* Is the text at OFFSET of string table NAMES equal to NAME? */
static bool is_called(const struct object *o, const Elf64_Shdr *names, uint64_t offset,
		      const char *name)
{
	size_t len = strlen(name) + 1;

	return offset < names->sh_size && len <= names->sh_size - offset &&
	       memcmp(o->data + names->sh_offset + offset, name, len) == 0;
}

/* Look NAME up in the symbols of section S. */
static bool look_up(const struct object *o, const Elf64_Shdr *s, const char *name, Elf64_Sym *ret)
{
	if (s->sh_link >= o->head.e_shnum ||
	    !is_within(o, s->sh_offset, s->sh_size / sizeof(*ret), sizeof(*ret)))
		return false;

	Elf64_Shdr names = section(o, s->sh_link);

	if (!is_within(o, names.sh_offset, names.sh_size, 1))
		return false;
	for (size_t i = 0; i < s->sh_size / sizeof(*ret); i++) {
		memcpy(ret, o->data + s->sh_offset + i * sizeof(*ret), sizeof(*ret));
		if (ret->st_shndx != SHN_UNDEF && is_called(o, &names, ret->st_name, name))
			return true;
	}
	return false;
}

int ch_stamp_number(const void *data, size_t len, const char *name, uint32_t *ret_number,
		    struct ch_err *err)
{
	struct object o = { .data = data, .len = len };
	Elf64_Sym sym;

	if (open_object(&o, err) < 0)
		return err->code;
	for (size_t i = 0; i < o.head.e_shnum; i++) {
		Elf64_Shdr s = section(&o, i);

		if (s.sh_type != SHT_DYNSYM || !look_up(&o, &s, name, &sym))
			continue;
		if (sym.st_size == sizeof(*ret_number) && load(&o, sym.st_value, ret_number))
			return 0;
	}
	return ch_err_set(err, -ENOENT, "has no number '%s'", name);
}

/* ---- texts ------------------------------------------------------------------------------ */

int ch_stamp_version(const void *data, size_t len, char *out, size_t size)
{
	static const char mark[] = CH_VERSION_MARK;
	const char *begin = memmem(data, len, mark, strlen(mark));

	if (!begin)
		return -ENOENT;
	begin += strlen(mark);

	size_t n = strnlen(begin, len - (size_t)(begin - (const char *)data));

	snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), begin);
	ch_text_one_line(out);
	return 0;
}
