/* Causal convolution by FFTW, single precision: two rows of a channel make one complex row, as in the kernel it is compared
   with. fftw-conv CHANNELS BATCH LENGTH. Speaks the language of harness/child.ts: one line in, one line out. */
#include <complex.h>
#include <fftw3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERIOD = 65521 };

/* The same inputs as harness/numbers.ts. */
static float *numbers(size_t count, unsigned seed) {
  float *target = fftwf_alloc_real(count);
  unsigned state = seed;
  for (size_t i = 0; i < count; i++) {
    if (i < PERIOD) {
      state = state * 1664525u + 1013904223u;
      target[i] = (float)(state / 2147483648.0 - 1);
    } else {
      target[i] = target[i - PERIOD];
    }
  }
  return target;
}

static int channels, batch, length, size;
static float *u, *k, *y;
static float complex *spectrum, *rows;
static fftwf_plan forwardKernel, forwardRows, backwardRows;

static void transformKernel(const float *taps) {
  for (int i = 0; i < length; i++) spectrum[i] = taps[i];
  memset(spectrum + length, 0, sizeof(float complex) * (size - length));
  fftwf_execute(forwardKernel);
  for (int i = 0; i < size; i++) spectrum[i] *= 1.0f / size;
}

static void convolvePair(const float *first, const float *second, float *outFirst, float *outSecond) {
  for (int i = 0; i < length; i++) rows[i] = first[i] + I * second[i];
  memset(rows + length, 0, sizeof(float complex) * (size - length));
  fftwf_execute(forwardRows);
  for (int i = 0; i < size; i++) rows[i] *= spectrum[i];
  fftwf_execute(backwardRows);
  for (int i = 0; i < length; i++) {
    outFirst[i] = crealf(rows[i]);
    outSecond[i] = cimagf(rows[i]);
  }
}

static void run(void) {
  for (int channel = 0; channel < channels; channel++) {
    transformKernel(k + (size_t)channel * length);
    for (int row = 0; row < batch; row += 2) {
      size_t at = ((size_t)channel * batch + row) * length;
      convolvePair(u + at, u + at + length, y + at, y + at + length);
    }
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

int main(int count, char **words) {
  if (count != 4) return 2;
  channels = atoi(words[1]);
  batch = atoi(words[2]);
  length = atoi(words[3]);
  size = 2 * length;
  spectrum = fftwf_alloc_complex(size);
  rows = fftwf_alloc_complex(size);
  forwardKernel = fftwf_plan_dft_1d(size, spectrum, spectrum, FFTW_FORWARD, FFTW_MEASURE);
  forwardRows = fftwf_plan_dft_1d(size, rows, rows, FFTW_FORWARD, FFTW_MEASURE);
  backwardRows = fftwf_plan_dft_1d(size, rows, rows, FFTW_BACKWARD, FFTW_MEASURE);
  u = numbers((size_t)channels * batch * length, 1);
  k = numbers((size_t)channels * length, 2);
  y = fftwf_alloc_real((size_t)channels * batch * length);
  printf("ready %s\n", fftwf_version);
  fflush(stdout);
  static char line[1 << 16];
  while (fgets(line, sizeof line, stdin)) {
    char *word = strtok(line, " \n");
    if (word && strcmp(word, "values") == 0) {
      run();
      while ((word = strtok(NULL, " \n"))) printf("%.9g ", y[atol(word)]);
      printf("\n");
    } else {
      int repeats = atoi(strtok(NULL, " \n"));
      double start = seconds();
      for (int i = 0; i < repeats; i++) run();
      printf("%.9f\n", seconds() - start);
    }
    fflush(stdout);
  }
  return 0;
}
