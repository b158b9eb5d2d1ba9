/* Compiled once per instruction set: one of the KERNELS_ of simd.h, or none. */
#include "nn/kernels.h"

#include "nn/tanh.h"
#include "simd.h"

#include <assert.h>

#if defined(__OPTIMIZE__)
#define INLINE static inline __attribute__((always_inline))
#else /* all of them in one function would need a deep stack */
#define INLINE static
#endif

#define THREES (2 * TILE_ROWS % 3 == 0) /* a tile of three vectors has as many sums as one of two; it has fewer loads */
#define PANEL (2 * LANES)               /* columns */
#define LINE ((size_t)16)               /* floats of a line of the cache */
#define NARROW ((size_t)4)              /* columns at most that leave a vector empty */
#define MOST_SUMS 16                    /* vectors of a tile */
#define WIDE (5 * LANES)                /* rows of a narrow c at a time, at most */
#define MOST_WIDE ((size_t)(SLOW_FMA ? 0 : 2)) /* columns of one that has them */

/* Large operands are packed: their rows are so far apart that they share few sets of the caches
 * and need many pages. */
#define OWN_PACK ((size_t)4096)             /* floats of a pack on the stack */
#define PACK_PANEL ((size_t)8192)           /* floats of a panel of b */
#define PACK_K (PACK_PANEL / PANEL)         /* rows of it */
#define PACK_B (4 * (PACK_PANEL + LINE))    /* and of a block of b */
#define PACK_A ((size_t)256 * (512 + LINE)) /* and of a: it and two of b fit a second-level cache */
_Static_assert(KERNELS_PACK >= PACK_A + 2 * PACK_B + LINE, "the blocks fit");
#define SHARE ((size_t)32)        /* products of a tile for each share of the next block of b that it packs */
#define AHEAD ((size_t)6)         /* rows from the one that is packed to the one that is prefetched */
#define LARGE ((size_t)170000)    /* floats of a b that a first pass over it would find far from the core */
#define FAR_ROWS ((size_t)420)    /* of an a that is stored by columns: they are far apart */
#define PACK_ANY ((size_t)750000) /* floats of a b that is packed for few rows, too: so it is prefetched */
#define PACK_ROWS (4 * TILE_ROWS) /* of a c at least, otherwise */
#define GROUP (8 * PANEL)         /* columns; panels() adds one block of k to all of them, then the next */

/* A product that is turned, see turned(): */
#define TURN_MOST ((size_t)256)          /* its rows at most, for each of which it has */
#define TURN_RATIO (64 / LANES)          /* so many columns at least, */
#define TURN_COLUMNS (TILE_ROWS * LANES) /* so many of them at a time; */
#define TURN_A ((size_t)131072)          /* floats of its a at a time, packed */
_Static_assert(KERNELS_PACK >= TURN_A + TURN_MOST / PANEL * LINE + (1 + TURN_COLUMNS + LANES) * TURN_MOST + LINE,
	"they fit with what is computed");

#if defined(__GNUC__)
#define PREFETCH(p, level) __builtin_prefetch(p, 0, 4 - (level)) /* to that cache */
#else
#define PREFETCH(p, level) (void)(p)
#endif

/* c (m,n) = from (m,n) + a (m,k) b (k,n), see matmul and matmul_t in kernels.h */
struct product {
	size_t m, n, k;
	const float *a, *b, *from, *gate;
	float *c;
	size_t a_row, a_col, b_row, b_col, from_row, c_row; /* strides; gate has c's */
	float *sums;                                        /* of c's columns, to which its rows are added, or NULL */
	bool relu;
	size_t pack_rows;  /* of b at a time */
	struct next *next; /* or NULL */
	const float *rest; /* b's column after a packed panel, or NULL */
};

struct next { /* the part of b that is packed next, (rows,cols) as it is stored */
	const float *b;
	size_t rows, cols, row;
	float *packed; /* where to, its panels B_PANEL(rows) apart; or NULL */
	size_t r, j;   /* the row and the first column of what is packed next */
	size_t share;  /* rows of a panel that are packed at a time */
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The first float of a line of the cache, at p or after it. */
static float *aligned(float *p)
{
	return p + (LINE - (uintptr_t)p / sizeof(*p) % LINE) % LINE;
}

/* A vector, or its first n lanes if n > 0. */
INLINE vf load(const float *p, int n)
{
	return n > 0 ? vf_load_n(p, n) : vf_load(p);
}

INLINE void store(float *p, vf v, int n)
{
	if (n > 0)
		vf_store_n(p, v, n);
	else
		vf_store(p, v);
}

/* acc (rows,n_vec) = what the sums of a tile begin as. */
INLINE void begin_sums(size_t rows, size_t n_vec, int tail, const float *from, size_t from_row, vf *acc)
{
	if (!from) {
		UNROLL
		for (size_t s = 0; s < rows * n_vec; s++)
			acc[s] = vf_set1(0.0f);
	} else if (from_row == 0) {
		UNROLL
		for (size_t v = 0; v < n_vec; v++) {
			const vf all = load(from + v * LANES, v == n_vec - 1 ? tail : 0);
			UNROLL
			for (size_t r = 0; r < rows; r++)
				acc[r * n_vec + v] = all;
		}
	} else {
		UNROLL
		for (size_t r = 0; r < rows; r++, from += from_row) {
			UNROLL
			for (size_t v = 0; v < n_vec; v++)
				acc[r * n_vec + v] = load(from + v * LANES, v == n_vec - 1 ? tail : 0);
		}
	}
}

/* c (rows,n_vec) = acc, or max(acc, 0), or acc where gate, which has c's strides, is positive. Unless
 * sums is NULL, c's rows are added to it. */
INLINE void end_sums(
	size_t rows, size_t n_vec, int tail, vf *acc, bool relu, const float *gate, float *sums, float *c, size_t c_row)
{
	if (relu) {
		UNROLL
		for (size_t s = 0; s < rows * n_vec; s++)
			acc[s] = vf_max(vf_set1(0), acc[s]);
	}
	if (gate) {
		UNROLL
		for (size_t s = 0; s < rows * n_vec; s++)
			acc[s] = vf_pass(acc[s],
				load(gate + s / n_vec * c_row + s % n_vec * LANES, s % n_vec == n_vec - 1 ? tail : 0));
	}
	if (sums) {
		UNROLL
		for (size_t v = 0; v < n_vec; v++) {
			const int n = v == n_vec - 1 ? tail : 0;
			vf sum = load(sums + v * LANES, n);
			UNROLL
			for (size_t r = 0; r < rows; r++)
				sum = vf_add(sum, acc[r * n_vec + v]);
			store(sums + v * LANES, sum, n);
		}
	}
	UNROLL
	for (size_t r = 0; r < rows; r++, c += c_row) {
		UNROLL
		for (size_t v = 0; v < n_vec; v++)
			store(c + v * LANES, acc[r * n_vec + v], v == n_vec - 1 ? tail : 0);
	}
}

#define A_ROW(k) ((k) + LINE)         /* floats of a row in pack_a */
#define B_PANEL(k) ((k)*PANEL + LINE) /* and of a packed panel of b */

/* Packs a share of what is left of the next block. */
INLINE void pack_share(struct next *x)
{
	size_t r = x->r, j = x->j; /* which no store of a vector changes */
	for (size_t n = x->share; n > 0 && r < x->rows; n--) {
		const float *const b = x->b + r * x->row + j;
		float *const to = x->packed + j / PANEL * B_PANEL(x->rows) + r * PANEL;
		for (size_t l = 0; l < PANEL && r + AHEAD < x->rows; l += LINE)
			PREFETCH(b + AHEAD * x->row + l, 2);
		if (j + 2 * PANEL > x->cols && r + AHEAD < x->rows) /* the rows may begin within a line */
			PREFETCH(b + AHEAD * x->row + PANEL - 1, 2);
		vf_store(to, vf_load(b));
		vf_store(to + LANES, vf_load(b + LANES));
		j += PANEL;
		if (j + PANEL > x->cols) {
			j = 0;
			r++;
		}
	}
	x->r = r;
	x->j = j;
}

/* rows x n_vec vectors of c from row i on, the last vector `tail` lanes wide if
 * tail > 0; b's columns are adjacent. If packed, a and b are as pack_a and pack_share leave them, and the
 * tile packs a share of x->next before each SHARE products, whose sums hide most of what that costs.
 * pack, unless NULL, gets the panel of b. rows, n_vec, packed and whether pack is NULL are
 * constants wherever this is inlined, so that the accumulators live in registers. */
INLINE void tile(size_t rows, size_t n_vec, int tail, bool packed, const struct product *x, size_t i, float *pack)
{
	/* Copies, which no store of a vector changes. */
	const size_t a_row = packed ? 1 : x->a_row, a_col = packed ? rows : x->a_col;
	const size_t b_row = packed ? PANEL : x->b_row, c_row = x->c_row;
	const float *const gate = x->gate ? x->gate + i * c_row : NULL;
	float *const c = x->c + i * c_row;
	/* A base for all rows, or base, base + index and base + 2 index: an address for each row
	 * would not fit the registers. */
	const size_t base_rows = packed ? rows : 3, n_bases = (rows + base_rows - 1) / base_rows;
	const float *b = x->b, *a[MOST_SUMS / 3 + 1];
	UNROLL
	for (size_t g = 0; g < n_bases; g++)
		a[g] = x->a + i * x->a_row + g * base_rows * a_row;
	vf acc[MOST_SUMS];
	begin_sums(rows, n_vec, tail, x->from ? x->from + i * x->from_row : NULL, x->from_row, acc);
	size_t left = x->k;
	do {
		if (packed)
			pack_share(x->next);
		const size_t n = packed ? smaller(left, SHARE) : left;
		for (size_t p = n; p > 0; p--, b += b_row) {
			vf bp[MOST_SUMS];
			UNROLL
			for (size_t v = 0; v < n_vec; v++)
				bp[v] = load(b + v * LANES, v == n_vec - 1 ? tail : 0);
			if (pack) {
				UNROLL
				for (size_t v = 0; v < n_vec; v++, pack += LANES)
					vf_store(pack, bp[v]);
			}
			UNROLL
			for (size_t r = 0; r < rows; r++) {
				const vf ar = vf_set1(a[r / base_rows][r % base_rows * a_row]);
				UNROLL
				for (size_t v = 0; v < n_vec; v++)
					acc[r * n_vec + v] = vf_fma(ar, bp[v], acc[r * n_vec + v]);
			}
			UNROLL
			for (size_t g = 0; g < n_bases; g++)
				a[g] += a_col;
		}
		left -= n;
	} while (left > 0);
	end_sums(rows, n_vec, tail, acc, x->relu, gate, x->sums, c, c_row);
}

#if FREE_MASKS
/* A panel may have a few columns after its whole vectors, the rest. LANES / rest rows share a vector
 * of sums there: those of a row are side by side. */

/* shared (rows) = from (rows,rest), or 0 */
INLINE void load_shared(size_t rows, size_t rest, const float *from, size_t from_row, vf *shared)
{
	const size_t sharing = LANES / rest;
	const vf all = from && from_row == 0 ? vf_repeat(from, rest) : vf_set1(0);
	UNROLL
	for (size_t r = 0; r < rows; r++) {
		vf *const s = &shared[r / sharing];
		if (r % sharing == 0)
			*s = all;
		if (from && from_row > 0)
			*s = vf_put(*s, r % sharing * rest, rest, from + r * from_row);
	}
}

/* As end_sums. */
INLINE void end_shared(
	size_t rows, size_t rest, vf *shared, bool relu, const float *gate, float *sums, float *c, size_t c_row)
{
	const size_t sharing = LANES / rest;
	vf pass[TILE_ROWS];
	load_shared(rows, rest, gate, c_row, pass);
	float lane[LANES]; /* of a single column: masked stores that cross a line of the cache are slow */
	vf sum = sums ? vf_load_n(sums, (int)rest) : vf_set1(0);
	UNROLL
	for (size_t r = 0; r < rows; r++, c += c_row) {
		vf *const s = &shared[r / sharing];
		if (r % sharing == 0 && relu)
			*s = vf_max(vf_set1(0), *s);
		if (r % sharing == 0 && gate)
			*s = vf_pass(*s, pass[r / sharing]);
		if (r == 0 && rest == 1)
			vf_store(lane, *s);
		if (rest == 1)
			*c = lane[r];
		else
			vf_store_lanes(c, r % sharing * rest, rest, *s);
		if (sums)
			sum = vf_add(sum, rest == 1 ? vf_set1(lane[r]) : r % sharing == 0 ? *s : vf_second_half(*s));
	}
	if (sums)
		vf_store_n(sums, sum, (int)rest);
}

/* As tile: rows x n_vec vectors of c, and `rest` columns. */
INLINE void shared_tile(size_t rows, size_t n_vec, size_t rest, const struct product *x, size_t i)
{
	const size_t a_row = x->a_row, a_col = x->a_col, b_row = x->b_row, from_row = x->from_row, c_row = x->c_row;
	const size_t rest_row = x->rest ? 1 : b_row, whole = n_vec * LANES;
	const size_t sharing = LANES / rest, n_shared = (rows + sharing - 1) / sharing, n_bases = (rows + 2) / 3;
	const float *const from = x->from ? x->from + i * from_row : NULL;
	const float *const gate = x->gate ? x->gate + i * c_row : NULL;
	const float *b = x->b, *b_rest = x->rest ? x->rest : b + whole, *a[TILE_ROWS / 3 + 1];
	float *const c = x->c + i * c_row;
	vf acc[MOST_SUMS], shared[TILE_ROWS], ar[TILE_ROWS];
	UNROLL
	for (size_t g = 0; g < n_bases; g++)
		a[g] = x->a + (i + 3 * g) * a_row;
	begin_sums(rows, n_vec, 0, from, from_row, acc);
	load_shared(rows, rest, from ? from + whole : NULL, from_row, shared);
	for (size_t p = x->k; p > 0; p--, b += b_row, b_rest += rest_row) {
		const vf bs = vf_repeat(b_rest, rest);
		UNROLL
		for (size_t r = 0; r < rows; r++) {
			const vf all = vf_set1(a[r / 3][r % 3 * a_row]);
			vf *const s = &ar[r / sharing];
			UNROLL
			for (size_t v = 0; v < n_vec; v++)
				acc[r * n_vec + v] = vf_fma(all, vf_load(b + v * LANES), acc[r * n_vec + v]);
			*s = r % sharing == 0 ? all : vf_merge(*s, r % sharing * rest, rest, all);
		}
		UNROLL
		for (size_t s = 0; s < n_shared; s++)
			shared[s] = vf_fma(ar[s], bs, shared[s]);
		UNROLL
		for (size_t g = 0; g < n_bases; g++)
			a[g] += a_col;
	}
	end_sums(rows, n_vec, 0, acc, x->relu, gate, x->sums, c, c_row);
	end_shared(rows, rest, shared, x->relu, gate ? gate + whole : NULL, x->sums ? x->sums + whole : NULL, c + whole,
		c_row);
}
#endif

/* Asks for rows first to last - 1 of what is packed next, while there is work to do. */
INLINE void fetch(const struct next *next, size_t first, size_t last)
{
	for (size_t r = first; r < last; r++)
		for (size_t c = 0; c < next->cols; c += LINE)
			PREFETCH(next->b + r * next->row + c, 2);
}

/* A function for each height of a panel: of three vectors, two or one, whole ones or those whose last
 * columns are not there (where masks are free, one whole vector is such a panel, too), of two from
 * packed operands, of one and a half, and of two and a column. In one function of all, the compiler
 * would keep most of what they need on the stack. */
#define HEIGHTS(H) H(1) H(2) H(3) H(4) H(5) H(6) H(7) H(8) H(9) H(10) H(11) H(12) H(13) H(14) H(15) H(16)
#define TILE(name, rows, most, n_vec, is_part)                                           \
	static void name##rows(const struct product *x, size_t i)                        \
	{                                                                                \
		const int tail = is_part ? (int)(x->n - (n_vec - 1) * LANES) : 0;        \
		if (rows <= (most) && (tail > 0 || !is_part)) /* so that no load asks */ \
			tile(rows, n_vec, tail, false, x, i, NULL);                      \
	}
#define PACKED(rows)                                                 \
	static void packed_##rows(const struct product *x, size_t i) \
	{                                                            \
		if (rows <= TILE_ROWS)                               \
			tile(rows, 2, 0, true, x, i, NULL);          \
	}
#if FREE_MASKS
#define SHARED(name, rows, n_vec, rest)                           \
	static void name##rows(const struct product *x, size_t i) \
	{                                                         \
		if (rows <= TILE_ROWS)                            \
			shared_tile(rows, n_vec, rest, x, i);     \
	}
#define SHARED_ROW(r) half_##r, odd_##r
#else
#define SHARED(name, rows, n_vec, rest)
#define SHARED_ROW(r)
#endif
#define TILES(r)                                                \
	TILE(two_, r, TILE_ROWS, 2, false)                      \
	TILE(most_, r, TILE_ROWS, 2, true)                      \
	TILE(one_, r, FREE_MASKS ? 0 : 2 * TILE_ROWS, 1, false) \
	TILE(part_, r, 2 * TILE_ROWS, 1, true)                  \
	TILE(three_, r, 2 * TILE_ROWS / 3, 3, false)            \
	PACKED(r)                                               \
	SHARED(half_, r, 1, LANES / 2)                          \
	SHARED(odd_, r, 2, 1)
HEIGHTS(TILES)
#define ROW(r) { part_##r, one_##r, most_##r, two_##r, three_##r, packed_##r, SHARED_ROW(r) },
static void (*const tiles[][8])(const struct product *x, size_t i) = { HEIGHTS(ROW) };
#undef ROW

/* m rows in n tiles of nearly equal height: a tile of few rows has too few independent sums. */
struct heights {
	size_t n, rows, n_larger; /* the first n_larger have rows + 1, the others rows */
};

INLINE struct heights heights(size_t m, size_t most)
{
	const size_t n = (m + most - 1) / most;
	return (struct heights){ n, m / n, m % n };
}

/* Whether a panel can be a column wider, and the last panel of n columns is. */
INLINE bool ends_odd(size_t n)
{
	return FREE_MASKS && n % PANEL == 1 && n > PANEL;
}

/* n_vec vectors of columns and k <= MOST_FEW products, constants: b stays in registers, and row
 * follows row. A tile would take longer to begin and to end than to multiply. */
#define MOST_FEW ((size_t)4)
INLINE void few(size_t n_vec, size_t k, const struct product *x)
{
	const int tail = FREE_MASKS ? (int)(x->n - (n_vec - 1) * LANES) : 0;
	const size_t a_row = x->a_row, a_col = x->a_col, from_row = x->from_row, c_row = x->c_row;
	const float *a = x->a, *from = x->from, *gate = x->gate;
	const bool relu = x->relu;
	float *c = x->c;
	vf b[MOST_FEW * 3], sum[3];
	UNROLL
	for (size_t v = 0; v < n_vec; v++)
		sum[v] = x->sums ? load(x->sums + v * LANES, v == n_vec - 1 ? tail : 0) : vf_set1(0);
	UNROLL
	for (size_t p = 0; p < k; p++) {
		const float *const rest = x->rest ? x->rest + p : x->b + p * x->b_row + 2 * LANES;
		b[n_vec * p] = vf_load(x->b + p * x->b_row);
		b[n_vec * p + 1] = load(x->b + p * x->b_row + LANES, n_vec == 2 ? tail : 0);
		if (n_vec == 3)
			b[n_vec * p + 2] = vf_set1(*rest);
	}
	for (size_t i = x->m; i > 0; i--, a += a_row, c += c_row) {
		vf acc[3];
		begin_sums(1, n_vec, tail, from, from_row, acc);
		UNROLL
		for (size_t p = 0; p < k; p++) {
			const vf ap = vf_set1(a[p * a_col]);
			UNROLL
			for (size_t v = 0; v < n_vec; v++)
				acc[v] = vf_fma(ap, b[n_vec * p + v], acc[v]);
		}
		end_sums(1, n_vec, tail, acc, relu, gate, NULL, c, c_row);
		UNROLL
		for (size_t v = 0; v < n_vec; v++)
			sum[v] = vf_add(sum[v], acc[v]);
		from = from ? from + from_row : NULL;
		gate = gate ? gate + c_row : NULL;
	}
	UNROLL
	for (size_t v = 0; v < n_vec; v++)
		if (x->sums)
			store(x->sums + v * LANES, sum[v], v == n_vec - 1 ? tail : 0);
}

/* Does that if x is such a product. */
static bool done_few(const struct product *x)
{
	if (SLOW_FMA)
		return false;
	if (FREE_MASKS ? x->n <= LANES || (x->n > PANEL && !ends_odd(x->n)) : x->n != PANEL)
		return false;
	switch (x->k) {
#define FEW(k)                        \
	case k:                       \
		if (x->n > PANEL)     \
			few(3, k, x); \
		else                  \
			few(2, k, x); \
		return true;
		FEW(1)
		FEW(2)
		FEW(3)
		FEW(4)
#undef FEW
	default:
		return false;
	}
}

/* Which of the functions of a height a panel of n columns wants. */
static int kind_of(size_t n)
{
	if (FREE_MASKS && n == 3 * LANES / 2)
		return 6;
	if (ends_odd(n))
		return 7;
	const bool whole = n == PANEL || (n == LANES && !FREE_MASKS);
	return (n > PANEL ? 4 : n > LANES ? 2 : 0) + whole;
}

/* One panel: x->n <= PANEL columns, one more, or three vectors. */
static void panel(const struct product *x)
{
	if (done_few(x))
		return;
	const int kind = kind_of(x->n);
	const struct heights h = heights(x->m, kind < 2 ? 2 * TILE_ROWS : kind == 4 ? 2 * TILE_ROWS / 3 : TILE_ROWS);
	for (size_t t = 0, i = 0; t < h.n; t++) {
		const size_t height = h.rows + (t < h.n_larger);
		if (x->next)
			fetch(x->next, t * x->next->rows / h.n, (t + 1) * x->next->rows / h.n);
		tiles[height - 1][kind](x, i);
		i += height;
	}
}

/* `step` columns at a time from number p on, a constant; returns the number of the next one. */
INLINE size_t flip_by(
	size_t step, size_t p, size_t width, const float *x, size_t row, size_t last, float *t, size_t t_row)
{
	for (; p + step <= width; p += step) {
		vf v[8];
		vf_some_columns(step, v, x + p, row, last);
		UNROLL
		for (size_t l = 0; l < step; l++)
			vf_store(t + (p + l) * t_row, v[l]);
	}
	return p;
}

/* LANES rows of x, `row` floats apart, of which those after `last` repeat it, become the
 * columns of t, `t_row` apart; width columns of x. */
INLINE void flip(size_t width, const float *x, size_t row, size_t last, float *t, size_t t_row)
{
#if PAIRS
	if (width == 2 && row == 2 && last == LANES - 1) {
		vf v[2];
		vf_load_pairs(x, &v[0], &v[1]);
		vf_store(t, v[0]);
		vf_store(t + t_row, v[1]);
		return;
	}
#endif
	size_t p = EIGHT_COLUMNS ? flip_by(8, 0, width, x, row, last, t, t_row) : 0;
	p = flip_by(4, p, width, x, row, last, t, t_row);
	for (t += p * t_row; p < width; p++, t += t_row) {
		const float *from = x + p;
		for (size_t r = 0; r < LANES; r++, from += r <= last ? row : 0)
			t[r] = *from;
	}
}

/* The same, compiled once for any `last`. */
static void flip_some(size_t width, const float *x, size_t row, size_t last, float *t, size_t t_row)
{
	flip(width, x, row, last, t, t_row);
}

/* A panel of a b that is stored by columns, b_col floats apart: n <= PANEL of them. */
static void pack_columns(size_t rows, size_t n, const float *b, size_t b_col, float *packed)
{
	for (size_t j = 0; j < n; j += LANES, b += LANES * b_col, packed += LANES)
		if (n - j >= LANES)
			flip(rows, b, b_col, LANES - 1, packed, PANEL);
		else
			flip_some(rows, b, b_col, n - j - 1, packed, PANEL);
}

/* A c of few columns would leave most lanes of a vector empty. Vectors of LANES rows of
 * c fill them, where a is dense in one of its two directions: the same sums in the same
 * order. Two ways to get at those rows: both add to ct, where a column of c begins as its
 * bias. */

/* Adds the products of `step` columns of a from number p on, but for the first `skip`, to acc (n,blocks).
 * As in columns(), step, n and blocks are constants. */
INLINE void add_step(size_t step, size_t p, size_t skip, size_t n, size_t blocks, size_t last, const struct product *x,
	const float *a, vf *acc)
{
	const float *b = x->b + p * x->b_row;
	vf v[2][8];
	UNROLL
	for (size_t s = 0; s < blocks; s++) {
		const float *const block = a + p + s * LANES * x->a_row;
		const size_t end = s + 1 < blocks ? LANES - 1 : last;
		vf_some_columns(step, v[s], block, x->a_row, end);
	}
	UNROLL
	for (size_t l = 0; l < step; l++, b += x->b_row) {
		if (l < skip)
			continue;
		UNROLL
		for (size_t s = 0; s < n * blocks; s++)
			acc[s] = vf_fma(v[s % blocks][l], vf_set1(b[s / blocks * x->b_col]), acc[s]);
	}
}

/* From the columns of a (rows,k), rows <= blocks * LANES; n and blocks are constants
 * wherever this is inlined. A single block would wait for its own sums. */
INLINE void columns(size_t n, size_t blocks, size_t rows, const struct product *x, const float *a, float *ct)
{
	const size_t last = rows - (blocks - 1) * LANES - 1; /* of the last block */
	vf acc[2 * NARROW];
	UNROLL
	for (size_t s = 0; s < 2 * NARROW; s++)
		acc[s] = s < n * blocks ? vf_load(ct + s / blocks * WIDE + s % blocks * LANES) : vf_set1(0);
	size_t p = 0;
	for (; EIGHT_COLUMNS && p + 8 <= x->k; p += 8)
		add_step(8, p, 0, n, blocks, last, x, a, acc);
	for (; p + 4 <= x->k; p += 4)
		add_step(4, p, 0, n, blocks, last, x, a, acc);
	if (p < x->k && x->k >= 4) { /* the last four but for those that are added */
		add_step(4, x->k - 4, 4 - (x->k - p), n, blocks, last, x, a, acc);
		p = x->k;
	}
	for (const float *b = x->b + p * x->b_row; p < x->k; p++, b += x->b_row) {
		float column[PANEL] = { 0 };
		for (size_t r = 0; r < rows; r++)
			column[r] = a[r * x->a_row + p];
		UNROLL
		for (size_t s = 0; s < n * blocks; s++)
			acc[s] =
				vf_fma(vf_load(column + s % blocks * LANES), vf_set1(b[s / blocks * x->b_col]), acc[s]);
	}
	UNROLL
	for (size_t s = 0; s < n * blocks; s++)
		vf_store(ct + s / blocks * WIDE + s % blocks * LANES, acc[s]);
}

/* For a(i,p) adjacent to a(i+1,p): c^T (n,rows) = b^T (n,k) a^T (k,rows), rows <= PANEL or,
 * where n <= 2 leaves registers for as many sums, from 4 LANES to below WIDE. */
INLINE void from_rows(size_t n, size_t rows, const struct product *x, const float *a, float *ct)
{
	const struct product turned = { .m = n,
		.n = rows,
		.k = x->k,
		.a = x->b,
		.a_row = x->b_col,
		.a_col = x->b_row,
		.b = a,
		.b_row = x->a_col,
		.b_col = 1,
		.from = ct,
		.from_row = WIDE,
		.gate = NULL,
		.sums = NULL,
		.relu = false,
		.c = ct,
		.c_row = WIDE,
		.pack_rows = 0,
		.next = NULL,
		.rest = NULL };
	if (n <= MOST_WIDE && rows == 4 * LANES)
		tile(n, 4, 0, false, &turned, 0, NULL);
	else if (n <= MOST_WIDE && rows > 4 * LANES)
		tile(n, 5, (int)(rows - 4 * LANES), false, &turned, 0, NULL);
	else
		panel(&turned);
}

/* c (rows,n) = ct^T, n a constant */
INLINE void turn_back(size_t n, size_t rows, const float *ct, float *c, size_t c_row)
{
	size_t r = 0;
#if PAIRS
	for (; n == 2 && c_row == 2 && r + LANES <= rows; r += LANES)
		vf_store_pairs(c + 2 * r, vf_load(ct + r), vf_load(ct + WIDE + r));
#endif
	for (c += r * c_row; r < rows; r++, c += c_row) {
		UNROLL
		for (size_t j = 0; j < n; j++)
			c[j] = ct[j * WIDE + r];
	}
}

/* sums (n) += the rows of c (rows,n), n a constant */
INLINE void add_rows(size_t n, size_t rows, const float *c, size_t c_row, float *sums)
{
	float sum[NARROW]; /* which no store changes */
	memcpy(sum, sums, n * sizeof(*sums));
	for (size_t r = 0; r < rows; r++, c += c_row) {
		UNROLL
		for (size_t j = 0; j < n; j++)
			sum[j] += c[j];
	}
	memcpy(sums, sum, n * sizeof(*sums));
}

/* n is x->n, a constant. */
INLINE void narrow_columns(size_t n, const struct product *x)
{
	float own[NARROW * WIDE + LINE], *const ct = aligned(own);
	for (size_t i = 0, rows; i < x->m; i += rows) {
		const float *a = x->a + i * x->a_row;
		rows = smaller(x->m - i, PANEL);
		if (n <= MOST_WIDE && x->a_row == 1 && x->m - i >= 4 * LANES)
			rows = x->m - i < WIDE ? x->m - i : 4 * LANES;
		for (size_t j = 0; j < n; j++)
			for (size_t l = 0; l < rows; l += LANES)
				vf_store(ct + j * WIDE + l, vf_set1(x->from ? x->from[j] : 0));
		if (x->a_row == 1)
			from_rows(n, rows, x, a, ct);
		else if (rows == PANEL)
			columns(n, 2, PANEL, x, a, ct);
		else
			columns(n, 1, rows = smaller(rows, LANES), x, a, ct);
		for (size_t j = 0; x->relu && j < n; j++)
			for (float *y = ct + j * WIDE; y < ct + j * WIDE + rows; y += LANES)
				vf_store(y, vf_max(vf_set1(0), vf_load(y)));
		turn_back(n, rows, ct, x->c + i * x->c_row, x->c_row);
		for (size_t r = i; x->gate && r < i + rows; r++)
			for (size_t j = r * x->c_row; j < r * x->c_row + n; j++)
				x->c[j] = x->gate[j] > 0 ? x->c[j] : 0;
		if (x->sums)
			add_rows(n, rows, x->c + i * x->c_row, x->c_row, x->sums);
	}
}

static void narrow(const struct product *x)
{
	assert(x->n >= 1 && x->n <= NARROW);
	switch (SLOW_FMA ? 0 : x->n) {
#define COLUMNS(n)                    \
	case n:                       \
		narrow_columns(n, x); \
		break;
		COLUMNS(1)
		COLUMNS(2)
		COLUMNS(3)
		COLUMNS(4)
#undef COLUMNS
	default:
		narrow_columns(x->n, x); /* its sums may lie in memory */
	}
}

/* Only the columns of the product from j on. */
INLINE void to_column(struct product *x, size_t j)
{
	x->n -= j;
	x->b += j * x->b_col;
	x->from = x->from ? x->from + j : NULL;
	x->gate = x->gate ? x->gate + j : NULL;
	x->sums = x->sums ? x->sums + j : NULL;
	x->c += j;
}

/* Only the rows of the product from i on. */
INLINE void to_row(struct product *x, size_t i)
{
	x->m -= i;
	x->a += i * x->a_row;
	x->from = x->from ? x->from + i * x->from_row : NULL;
	x->gate = x->gate ? x->gate + i * x->c_row : NULL;
	x->c += i * x->c_row;
}

/* A single row has too few sums in a panel. */
static void row(struct product *x)
{
	for (size_t left = x->n, n; left > 0; left -= n, x->n = n, to_column(x, n)) {
		n = ROW_VECTORS * LANES;
		if (left >= n)
			tile(1, ROW_VECTORS, 0, false, x, 0, NULL);
		else if (left >= (n /= 2))
			tile(1, ROW_VECTORS / 2, 0, false, x, 0, NULL);
		else if (left >= (n /= 2))
			tile(1, ROW_VECTORS / 4, 0, false, x, 0, NULL);
		else {
			x->n = n = smaller(left, PANEL);
			panel(x);
		}
	}
}

/* The panels of a small b lie in the first-level cache as they are. */
static void plain(struct product *x)
{
	for (size_t left = x->n, n; left > 0; left -= n, to_column(x, n)) {
		if (left == 3 * LANES ||
			(THREES && x->a_col == 1 && x->k > MOST_FEW && left > 3 * LANES && left != 2 * PANEL))
			n = 3 * LANES;
		else
			n = ends_odd(left) && left < 2 * PANEL ? left : smaller(left, PANEL);
		x->n = n;
		panel(x);
	}
}

/* *part becomes n columns at most of x from j on, of k products at most from number p on. In place,
 * as elsewhere: a copy would read in vectors what has just been written in words, and wait. */
INLINE void set_block(struct product *part, const struct product *x, size_t j, size_t n, size_t p, size_t k)
{
	part->m = x->m;
	part->n = smaller(x->n - j, n);
	part->k = smaller(x->k - p, k);
	part->a = x->a + p * x->a_col;
	part->b = x->b + p * x->b_row + j * x->b_col;
	part->b_row = x->b_row;
	part->c = x->c + j;
	part->from = p > 0 ? part->c : x->from ? x->from + j : NULL;
	part->from_row = p > 0 ? x->c_row : x->from_row;
	const bool last = p + part->k == x->k;
	part->relu = last && x->relu;
	part->gate = last && x->gate ? x->gate + j : NULL;
	part->sums = last && x->sums ? x->sums + j : NULL;
}

/* What is packed next, and where to: k rows of b at most from number p on, n columns at most from j
 * on; none after the last of all. */
static void find_next(const struct product *x, size_t p, size_t k, size_t j, size_t n, float *packed, struct next *next)
{
	const bool by_rows = x->b_col == 1;
	p = smaller(p, x->k);
	j = p < x->k ? j : 0;
	k = smaller(x->k - p, k);
	n = smaller(x->n - j, n);
	*next = (struct next){ x->b + p * x->b_row + j * x->b_col, by_rows ? k : n, by_rows ? n : k,
		by_rows ? x->b_row : x->b_col, packed, 0, 0, 0 };
}

/* A panel whose b is packed, if it is whole or stored by columns. The first tile packs as it
 * multiplies: its loads and stores of b cost next to nothing beside its sums. Uses up *x. */
static void packed_panel(struct product *x, float *pack)
{
	const bool by_columns = x->b_col != 1;
	x->rest = NULL;
	if (by_columns) {
		pack_columns(x->k, smaller(x->n, PANEL), x->b, x->b_col, pack);
		if (x->n > PANEL)
			x->rest = x->b + PANEL * x->b_col;
	} else if (x->n != PANEL)
		pack = NULL;
	else {
		assert(x->m >= PACK_ROWS);
		tile(TILE_ROWS, 2, 0, false, x, 0, pack);
		to_row(x, TILE_ROWS);
	}
	if (pack) {
		x->b = pack;
		x->b_row = PANEL;
	}
	panel(x);
}

/* Panels of b are packed one at a time. In blocks of k and groups of columns, whose part of c
 * stays in the second-level cache from block to block. */
static void panels(struct product *x, float *pack)
{
	float own[OWN_PACK + LINE];
	struct product part = *x;
	struct next next;
	x->pack_rows = pack ? PACK_K : OWN_PACK / PANEL;
	pack = aligned(pack ? pack : own);
	const size_t odd = ends_odd(x->n), n = x->n - odd;
	for (size_t g = 0; g < n; g += GROUP)
		for (size_t p = 0; p == 0 || p < x->k; p += x->pack_rows)
			for (size_t j = g; j < smaller(n, g + GROUP); j += PANEL) {
				set_block(&part, x, j, PANEL + (j + PANEL == n ? odd : 0), p, x->pack_rows);
				const bool last = j + PANEL >= smaller(x->n, g + GROUP);
				const size_t next_p = last ? p + x->pack_rows : p, next_j = last ? g : j + PANEL;
				find_next(x, next_p, x->pack_rows, next_j, PANEL, NULL, &next);
				part.next = x->n * x->k >= LARGE ? &next : NULL;
				packed_panel(&part, pack);
			}
}

/* a in tiles, each stored by columns: that of rows i to i + h begins at i * A_ROW(k), and
 * a(i+r,p) is number p * h + r of it. Vectors are stored whole: the floats after a column are
 * those of the next one, which come later, or unused. */
static void pack_a(const struct product *x, float *packed)
{
	const struct heights h = heights(x->m, TILE_ROWS);
	for (size_t t = 0, i = 0, rows; x->a_col == 1 && t < h.n; t++, i += rows) {
		rows = h.rows + (t < h.n_larger);
		for (size_t r = (rows - 1) / LANES * LANES + LANES; r > 0; r -= LANES) {
			const size_t first = r - LANES;
			flip_some(x->k, x->a + (i + first) * x->a_row, x->a_row, smaller(LANES, rows - first) - 1,
				packed + i * A_ROW(x->k) + first, rows);
		}
	}
	for (size_t p = 0; x->a_col != 1 && p < x->k; p++) {
		const float *a = x->a + p * x->a_col;
		for (size_t t = 0, i = 0, rows; t < h.n; t++, i += rows) {
			rows = h.rows + (t < h.n_larger);
			float *const to = packed + i * A_ROW(x->k) + p * rows;
			if (i + (rows - 1) / LANES * LANES + LANES <= x->m)
				for (size_t r = 0; r < rows; r += LANES)
					vf_store(to + r, vf_load(a + i + r));
			else
				memcpy(to, a + i, rows * sizeof(*a));
		}
	}
}

/* Packs all that is left of the next block. */
static void pack_b(struct next *x)
{
	x->share = x->rows * (x->cols / PANEL);
	pack_share(x);
}

/* The product of packed blocks, tiles of the same rows after each other: those of other rows would often
 * be a multiple of a page apart, and a load from there waits for the stores before it. Meanwhile the
 * next block of b is packed. Uses up *x. */
static void packed_block(struct product *x, const float *a, const float *b, struct next *next)
{
	const struct heights h = heights(x->m, TILE_ROWS);
	const size_t n_panels = x->n / PANEL, n = h.n * n_panels * ((x->k + SHARE - 1) / SHARE);
	struct product part = *x;
	next->share = (next->rows * (next->cols / PANEL) + n) / (n + 1);
	part.next = next;
	part.a = a;
	part.a_row = A_ROW(x->k);
	for (size_t t = 0, i = 0, rows; t < h.n; t++, i += rows) {
		rows = h.rows + (t < h.n_larger);
		assert(rows >= 1 && rows <= TILE_ROWS);
		for (size_t j = 0; j < n_panels; j++) {
			part.b = b + j * B_PANEL(x->k);
			part.from = x->from ? x->from + j * PANEL : NULL;
			part.gate = x->gate ? x->gate + j * PANEL : NULL;
			part.sums = x->sums ? x->sums + j * PANEL : NULL;
			part.c = x->c + j * PANEL;
			tiles[rows - 1][5](&part, i);
		}
	}
	pack_b(next);
	if (n_panels * PANEL < x->n) {
		to_column(x, n_panels * PANEL);
		panel(x);
	}
}

/* Blocks of a and of b are packed, in the order in which tiles read them; b is stored by rows. */
static void blocks(const struct product *x, float *pack)
{
	const size_t k = smaller(x->k, PACK_K);
	const size_t n = PACK_B / B_PANEL(k) * PANEL;
	const struct heights h = heights(x->m, PACK_A / A_ROW(k));
	float *const a = aligned(pack), *const b[2] = { a + PACK_A, a + PACK_A + PACK_B };
	struct product part = *x;
	struct next next;
	size_t n_done = 0;
	find_next(x, 0, PACK_K, 0, n, b[0], &next);
	pack_b(&next);
	for (size_t p = 0; p == 0 || p < x->k; p += PACK_K)
		for (size_t t = 0, i = 0; t < h.n; t++) {
			struct product rows = *x;
			to_row(&rows, i);
			rows.m = h.rows + (t < h.n_larger);
			for (size_t j = 0; j < x->n; j += n, n_done++) {
				set_block(&part, &rows, j, n, p, PACK_K);
				if (j == 0)
					pack_a(&part, a);
				const size_t next_j = j + n < x->n ? j + n : 0;
				const size_t next_p = next_j > 0 || t + 1 < h.n ? p : p + PACK_K;
				find_next(x, next_p, PACK_K, next_j, n, b[(n_done + 1) % 2], &next);
				packed_block(&part, a, b[n_done % 2], &next);
			}
			i += rows.m;
		}
}

/* Columns i to i + n of c = ct^T (m,n), through turn (m,LANES). Those of earlier blocks of products may
 * pass the gate, too: what does not is 0 in the end. sums are stored, not added to: the last are c's. */
static void turn_to(const struct product *x, size_t i, size_t n, const float *ct, size_t ct_row, float *turn)
{
	for (size_t to = i; to < i + n; to += LANES, ct += LANES * ct_row) {
		const size_t lanes = smaller(i + n - to, LANES);
		const int tail = lanes < LANES ? (int)lanes : 0;
		flip_some(x->m, ct, ct_row, lanes - 1, turn, LANES);
		vf sum = vf_set1(0);
		for (size_t r = 0; r < x->m; r++) {
			const size_t at = r * x->c_row + to;
			vf v = vf_load(turn + r * LANES);
			if (x->gate)
				v = vf_pass(v, load(x->gate + at, tail));
			sum = vf_add(sum, v);
			store(x->c + at, v, tail);
		}
		if (x->sums)
			store(x->sums + to, sum, tail);
	}
}

/* As c^T (n,m) = b^T (n,k) a^T (k,m), for a b that is stored by columns, without `from`. b is read where
 * it lies, in order; a and c, which are smaller, are flipped. */
static void turned(const struct product *x, float *pack)
{
	const size_t ct_row = (x->m + PANEL - 1) / PANEL * PANEL;
	const size_t n_blocks = (x->k * ct_row + TURN_A - 1) / TURN_A, most_k = (x->k + n_blocks - 1) / n_blocks;
	float *const at = aligned(pack), *const ct = at + ct_row / PANEL * B_PANEL(most_k);
	struct product part = {
		.a_row = x->b_col, .a_col = 1, .b_row = PANEL, .b_col = 1, .from_row = ct_row, .c_row = ct_row
	};
	for (size_t p = 0; p < x->k; p += part.k) {
		part.k = smaller(x->k - p, most_k);
		for (size_t j = 0; j < x->m; j += PANEL)
			pack_columns(part.k, smaller(x->m - j, PANEL), x->a + j * x->a_row + p, x->a_row,
				at + j / PANEL * B_PANEL(part.k));
		for (size_t i = 0; i < x->n; i += TURN_COLUMNS) {
			const size_t n = smaller(x->n - i, TURN_COLUMNS);
			const struct heights h = heights(n, TILE_ROWS);
			part.a = x->b + i * x->b_col + p;
			for (size_t r = 0; p > 0 && r < x->m; r += LANES)
				flip_some(n, x->c + r * x->c_row + i, x->c_row, smaller(LANES, x->m - r) - 1, ct + r,
					ct_row);
			for (size_t t = 0, first = 0, rows; t < h.n; t++, first += rows) {
				rows = h.rows + (t < h.n_larger);
				for (size_t j = 0; j < x->m; j += PANEL) {
					part.n = smaller(x->m - j, PANEL);
					part.b = at + j / PANEL * B_PANEL(part.k);
					part.c = ct + j;
					part.from = p > 0 ? part.c : NULL;
					tiles[rows - 1][kind_of(part.n)](&part, first);
				}
			}
			turn_to(x, i, n, ct, ct_row, ct + TURN_COLUMNS * ct_row);
		}
	}
}

/* The last columns, `odd` of them; *x keeps the others. */
static void narrow_last(size_t odd, struct product *x)
{
	const size_t j = x->n - odd;
	const float *const from = x->from, *const gate = x->gate;
	float *const sums = x->sums;
	to_column(x, j);
	narrow(x);
	x->n = j;
	x->b -= j * x->b_col;
	x->from = from;
	x->gate = gate;
	x->sums = sums;
	x->c -= j;
}

/* Whether rows of a or of b are so far apart, or so many, that packing blocks of both saves time. */
static bool is_for_blocks(const struct product *x)
{
	const size_t size = x->n * x->k;
	if (x->b_col != 1 || x->n < KERNELS_PACK_FROM)
		return false;
	if (x->a_row == 1)
		return x->m >= FAR_ROWS;
	return x->a_col == 1 && size >= LARGE && (x->m >= PACK_ROWS || (x->m > 1 && size >= PACK_ANY));
}

/* Whether flipping a and c takes less time than flipping b would. */
static bool is_to_turn(const struct product *x)
{
	return x->b_col != 1 && x->n >= KERNELS_PACK_FROM && x->n * x->k >= LARGE && 2 * x->m > LANES &&
	       x->m <= TURN_MOST && x->n >= TURN_RATIO * x->m;
}

/* Uses up *x. */
static void multiply(struct product *x, float *pack)
{
	assert(x->m >= 1 && x->n >= 1);
	/* Transposing c costs time for each column, and saves time for each product. */
	const size_t odd = x->n % LANES;
	if (!ends_odd(x->n) && odd >= 1 && odd <= NARROW && 2 * odd <= LANES && 2 * x->m >= LANES && x->k >= 4 * odd &&
		(x->a_row == 1 || x->a_col == 1)) {
		narrow_last(odd, x);
	}
	if (pack && is_for_blocks(x))
		blocks(x, pack);
	else if (pack && is_to_turn(x))
		turned(x, pack);
	else if (x->b_col != 1 || (x->n >= KERNELS_PACK_FROM && x->m >= PACK_ROWS))
		panels(x, pack);
	else if (x->m == 1)
		row(x);
	else
		plain(x);
}

/* The kernels for n columns if these are not the fastest: AVX2's fill a vector, and cross fewer lines
 * of the cache. Where half of a vector is computed at a time, that is for the last columns, too. */
static const struct kernels *others(size_t n)
{
#if defined(KERNELS_AVX512)
	extern const struct kernels kernels_avx2;
	const size_t part = n % LANES;
	return part > NARROW && part <= LANES / 2 && (n < LANES || HALVES) ? &kernels_avx2 : NULL;
#else
	(void)n;
	return NULL;
#endif
}

static void matmul(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
	const float *bias, bool relu, float *c, float *pack)
{
	if (others(n)) {
		others(n)->matmul(m, n, k, a, a_row, a_col, b, bias, relu, c, pack);
		return;
	}
	multiply(&(struct product){ .m = m,
			 .n = n,
			 .k = k,
			 .a = a,
			 .a_row = a_row,
			 .a_col = a_col,
			 .b = b,
			 .b_row = n,
			 .b_col = 1,
			 .from = bias,
			 .from_row = 0,
			 .gate = NULL,
			 .sums = NULL,
			 .relu = relu,
			 .c = c,
			 .c_row = n,
			 .pack_rows = 0,
			 .next = NULL,
			 .rest = NULL },
		pack);
}

static void matmul_t(size_t m, size_t n, size_t k, const float *a, const float *b, const float *gate, float *c,
	size_t c_row, float *sums, float *pack)
{
	if (others(n)) {
		others(n)->matmul_t(m, n, k, a, b, gate, c, c_row, sums, pack);
		return;
	}
	if (sums)
		memset(sums, 0, n * sizeof(*sums));
	multiply(&(struct product){ .m = m,
			 .n = n,
			 .k = k,
			 .a = a,
			 .a_row = k,
			 .a_col = 1,
			 .b = b,
			 .b_row = 1,
			 .b_col = k,
			 .from = NULL,
			 .from_row = 0,
			 .gate = gate,
			 .sums = sums,
			 .relu = false,
			 .c = c,
			 .c_row = c_row,
			 .pack_rows = 0,
			 .next = NULL,
			 .rest = NULL },
		pack);
}

INLINE void column_sums_tile(size_t n_vec, int tail, size_t rows, size_t n, const float *x, float *sums)
{
	vf sum[MOST_SUMS];
	UNROLL
	for (size_t v = 0; v < n_vec; v++)
		sum[v] = vf_set1(0.0f);
	for (size_t i = 0; i < rows; i++, x += n) {
		UNROLL
		for (size_t v = 0; v < n_vec; v++)
			sum[v] = vf_add(sum[v], load(x + v * LANES, v == n_vec - 1 ? tail : 0));
	}
	UNROLL
	for (size_t v = 0; v < n_vec; v++)
		store(sums + v * LANES, sum[v], v == n_vec - 1 ? tail : 0);
}

static void column_sums(size_t rows, size_t n, const float *x, float *sums)
{
	/* A few columns after four vectors are a fifth one: alone they would wait for their own sums. */
	for (size_t j = 0, n_vec; j < n; j += n_vec * LANES) {
		const size_t left = n - j;
		const int tail = left > 5 * LANES ? 0 : (int)(left % LANES);
		n_vec = left > 5 * LANES ? 4 : (left + LANES - 1) / LANES;
		switch (n_vec) {
#define SUMS(n_vec)                                                              \
	case n_vec:                                                              \
		if (tail > 0)                                                    \
			column_sums_tile(n_vec, tail, rows, n, x + j, sums + j); \
		else                                                             \
			column_sums_tile(n_vec, 0, rows, n, x + j, sums + j);    \
		break;
			SUMS(1)
			SUMS(2)
			SUMS(3)
			SUMS(4)
			SUMS(5)
#undef SUMS
		}
	}
}

/* The factors in vectors: no store of a parameter changes these. */
struct factors {
	vf beta1, one_minus_beta1, beta2, one_minus_beta2, grad_scale, rsqrt_bias2, eps, step;
};

/* The n lanes of a vector of parameters from number i on, or all of them if n is 0. */
INLINE void adam_vector(const struct factors *c, size_t i, int n, const float *grad, float *m, float *v, float *param)
{
	const vf g = vf_mul(load(grad + i, n), c->grad_scale);
	vf mi = vf_fma(c->beta1, load(m + i, n), vf_mul(c->one_minus_beta1, g));
	vf vi = vf_fma(c->beta2, load(v + i, n), vf_mul(vf_mul(c->one_minus_beta2, g), g));
	mi = vf_flush(mi);
	vi = vf_flush(vi);
	const vf denominator = vf_fma(vf_sqrt(vi), c->rsqrt_bias2, c->eps);
	store(m + i, mi, n);
	store(v + i, vi, n);
	store(param + i, vf_fma(c->step, vf_div(mi, denominator), load(param + i, n)), n);
}

static void adam(size_t n, const struct adam_coef *c, const float *grad, float *m, float *v, float *param)
{
	const struct factors f = {
		.beta1 = vf_set1(c->beta1),
		.one_minus_beta1 = vf_set1(c->one_minus_beta1),
		.beta2 = vf_set1(c->beta2),
		.one_minus_beta2 = vf_set1(c->one_minus_beta2),
		.grad_scale = vf_set1(c->grad_scale),
		.rsqrt_bias2 = vf_set1(c->rsqrt_bias2),
		.eps = vf_set1(c->eps),
		.step = vf_set1(-c->step_size),
	};
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		adam_vector(&f, i, 0, grad, m, v, param);
	if (i < n)
		adam_vector(&f, i, (int)(n - i), grad, m, v, param);
}

static inline vf tanh_vector(vf v)
{
	const vf x = vf_clamp(v, TANH_LIMIT), z = vf_mul(x, x);
	vf p = vf_set1(tanh_p[3]), q = vf_set1(tanh_q[3]);
	p = vf_fma(p, z, vf_set1(tanh_p[2]));
	p = vf_fma(p, z, vf_set1(tanh_p[1]));
	p = vf_fma(p, z, vf_set1(tanh_p[0]));
	q = vf_fma(q, z, vf_set1(tanh_q[2]));
	q = vf_fma(q, z, vf_set1(tanh_q[1]));
	q = vf_fma(q, z, vf_set1(tanh_q[0]));
	const vf y = vf_div(vf_fma(vf_mul(x, z), p, x), vf_fma(q, z, vf_set1(1)));
	return vf_clamp(y, 1);
}

static void tanh_forward(size_t n, float *y)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(y + i, tanh_vector(vf_load(y + i)));
	const int tail = (int)(n - i);
	if (tail > 0)
		vf_store_n(y + i, tanh_vector(vf_load_n(y + i, tail)), tail);
}

static inline vf tanh_derivative(vf y, vf delta)
{
	return vf_mul(delta, vf_fma(vf_set1(-1), vf_mul(y, y), vf_set1(1)));
}

static void tanh_backward(size_t n, const float *y, float *delta)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(delta + i, tanh_derivative(vf_load(y + i), vf_load(delta + i)));
	const int tail = (int)(n - i);
	if (tail > 0)
		vf_store_n(delta + i, tanh_derivative(vf_load_n(y + i, tail), vf_load_n(delta + i, tail)), tail);
}

static void polyak(size_t n, float tau, const float *source, float *target)
{
	const vf t = vf_set1(tau), keep = vf_set1(1 - tau);
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(target + i, vf_fma(t, vf_load(source + i), vf_mul(keep, vf_load(target + i))));
	const int tail = (int)(n - i);
	if (tail > 0)
		vf_store_n(target + i,
			vf_fma(t, vf_load_n(source + i, tail), vf_mul(keep, vf_load_n(target + i, tail))), tail);
}

#if defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__)
#define ADD_SQUARE(sum, x) __builtin_fma(x, x, sum) /* the same: the square of a float is exact in double */
#else
#define ADD_SQUARE(sum, x) ((sum) + (x) * (x))
#endif

/* Plain C: the compiler may spread the sums over lanes, their order is fixed. */
static double sum_squares(size_t n, const float *x)
{
	double s[KERNELS_SUMS];
	size_t i = 0;
	UNROLL
	for (size_t l = 0; l < KERNELS_SUMS; l++)
		s[l] = 0;
	for (; i + KERNELS_SUMS <= n; i += KERNELS_SUMS) {
		UNROLL
		for (size_t l = 0; l < KERNELS_SUMS; l++)
			s[l] = ADD_SQUARE(s[l], (double)x[i + l]);
	}
	for (size_t l = 0; i + l < n; l++)
		s[l] = ADD_SQUARE(s[l], (double)x[i + l]);
	for (size_t half = KERNELS_SUMS / 2; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

/* In blocks of LANES rows. */
static void transpose(size_t rows, size_t cols, const float *x, float *t)
{
	size_t i = 0;
	for (; i + LANES <= rows; i += LANES)
		flip(cols, x + i * cols, cols, LANES - 1, t + i, rows);
	for (; i < rows; i++)
		for (size_t j = 0; j < cols; j++)
			t[j * rows + i] = x[i * cols + j];
}

static float fma_peak(size_t rounds)
{
	const vf factor = vf_set1(0.5f), term = vf_set1(1.0f);
	vf x[KERNELS_PEAK_CHAINS];
	UNROLL
	for (int c = 0; c < KERNELS_PEAK_CHAINS; c++)
		x[c] = vf_set1((float)c);
	for (size_t r = 0; r < rounds; r++)
		UNROLL
	for (int c = 0; c < KERNELS_PEAK_CHAINS; c++)
		x[c] = vf_fma(x[c], factor, term);
	vf sum = x[0];
	UNROLL
	for (int c = 1; c < KERNELS_PEAK_CHAINS; c++)
		sum = vf_add(sum, x[c]);
	float lane[LANES];
	vf_store(lane, sum);
	return lane[0];
}

#if defined(KERNELS_AVX512)
#define KERNELS_NAME kernels_avx512
#define KERNELS_ISA "avx512"
#elif defined(KERNELS_AVX2)
#define KERNELS_NAME kernels_avx2
#define KERNELS_ISA "avx2"
#elif defined(KERNELS_SSE2)
#define KERNELS_NAME kernels_sse2
#define KERNELS_ISA "sse2"
#elif defined(KERNELS_NEON)
#define KERNELS_NAME kernels_neon
#define KERNELS_ISA "neon"
#else
#define KERNELS_NAME kernels_scalar
#define KERNELS_ISA "scalar"
#endif

extern const struct kernels KERNELS_NAME;
const struct kernels KERNELS_NAME = {
	.isa = KERNELS_ISA,
	.matmul = matmul,
	.matmul_t = matmul_t,
	.column_sums = column_sums,
	.adam = adam,
	.tanh_forward = tanh_forward,
	.tanh_backward = tanh_backward,
	.polyak = polyak,
	.sum_squares = sum_squares,
	.transpose = transpose,
	.fma_peak = fma_peak,
	.lanes = LANES,
};
