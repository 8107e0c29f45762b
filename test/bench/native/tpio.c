// What TP_IO costs in C: the limit that the library is measured against. Positional reads of one file, so many in flight, by
//   issuer      one thread that issues every read; the pool's callbacks only hand completions back to it, as they must to JavaScript
//   callbacks   the pool's callbacks, each of which issues the next read itself
// tpio issuer|callbacks FILE CHUNK IN_FLIGHT OPERATIONS SEED RESULT
// CHUNK in bytes. SEED 0 reads one chunk after the other, any other seed chunks drawn by xorshift32, the same ones as the
// benchmark's. One pass to warm up, one that counts. RESULT is a file, because Wine gives no pipes: nanoseconds that passed,
// nanoseconds of processor time, and the checksum of the bytes that were read.
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

/** One place in flight: its OVERLAPPED comes first, so that the callback finds the rest. */
typedef struct {
  OVERLAPPED overlapped;
  SLIST_ENTRY entry;
  unsigned char *buffer;
  uint64_t offset;
  DWORD bytes;
  DWORD failure;
} __attribute__((aligned(MEMORY_ALLOCATION_ALIGNMENT))) Place;

static HANDLE file;
static PTP_IO io;
static DWORD chunk;
static LONG operations;
static uint64_t *offsets;
static volatile LONG issued;   // the next operation
static volatile LONG working;  // places that have not run out of operations
static volatile LONG sum;
static HANDLE wake;
static SLIST_HEADER *completions;
static int reissue;

static void fail(const char *what, DWORD code) {
  fprintf(stderr, "tpio: %s: %lu\n", what, code);
  exit(1);
}

/** One byte of each page, weighed by where it is: the same as `checksum` of the benchmark. */
static LONG checksum(const unsigned char *bytes, DWORD length, uint64_t offset) {
  uint32_t total = 0;
  uint32_t page = (uint32_t)(offset / PAGE);
  for (DWORD i = 0; i < length; i += PAGE, page++) total += bytes[i] * (page * 2654435761u | 1u);
  return (LONG)total;
}

static void consume(Place *place) {
  if (place->failure != 0) fail("read", place->failure);
  InterlockedExchangeAdd(&sum, checksum(place->buffer, place->bytes, place->offset));
}

/** Starts the next operation of a place. TRUE: it is done already, and no callback follows. */
static BOOL issue(Place *place, LONG operation) {
  place->offset = offsets[operation];
  memset(&place->overlapped, 0, sizeof place->overlapped);
  place->overlapped.Offset = (DWORD)place->offset;
  place->overlapped.OffsetHigh = (DWORD)(place->offset >> 32);
  StartThreadpoolIo(io);
  if (ReadFile(file, place->buffer, chunk, NULL, &place->overlapped)) {
    CancelThreadpoolIo(io);
    place->bytes = (DWORD)place->overlapped.InternalHigh;
    place->failure = 0;
    return TRUE;
  }
  if (GetLastError() != ERROR_IO_PENDING) fail("ReadFile", GetLastError());
  return FALSE;
}

/** Keeps a place busy until its read is pending or nothing is left to read. */
static void advance(Place *place) {
  for (;;) {
    LONG operation = InterlockedIncrement(&issued) - 1;
    if (operation >= operations) {
      if (InterlockedDecrement(&working) == 0) SetEvent(wake);
      return;
    }
    if (!issue(place, operation)) return;
    consume(place);
  }
}

static VOID CALLBACK completed(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped, ULONG result,
                               ULONG_PTR bytes, PTP_IO object) {
  Place *place = overlapped;
  (void)instance, (void)context, (void)object;
  place->bytes = (DWORD)bytes;
  place->failure = result;
  if (reissue) {
    consume(place);
    advance(place);
  } else if (InterlockedPushEntrySList(completions, &place->entry) == NULL) {
    SetEvent(wake);
  }
}

static void pass(Place *places, LONG count) {
  sum = 0;
  issued = 0;
  working = count;
  ResetEvent(wake);
  for (LONG i = 0; i < count; i++) advance(&places[i]);
  while (working > 0) {
    WaitForSingleObject(wake, INFINITE);
    PSLIST_ENTRY entry = InterlockedFlushSList(completions);
    while (entry != NULL) {
      Place *place = CONTAINING_RECORD(entry, Place, entry);
      entry = entry->Next;
      consume(place);
      advance(place);
    }
  }
}

static uint64_t nanoseconds(void) {
  LARGE_INTEGER now, frequency;
  QueryPerformanceCounter(&now);
  QueryPerformanceFrequency(&frequency);
  return (uint64_t)((double)now.QuadPart * 1e9 / (double)frequency.QuadPart);
}

static uint64_t processor(void) {
  FILETIME created, ended, kernel, user;
  GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
  uint64_t units = ((uint64_t)kernel.dwHighDateTime << 32 | kernel.dwLowDateTime) +
                   ((uint64_t)user.dwHighDateTime << 32 | user.dwLowDateTime);
  return units * 100;
}

static void choose(uint32_t seed, uint64_t size) {
  uint32_t chunks = (uint32_t)(size / chunk);
  uint32_t state = seed;
  for (LONG i = 0; i < operations; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    offsets[i] = (uint64_t)(seed == 0 ? (uint32_t)i % chunks : state % chunks) * chunk;
  }
}

int main(int count, char **arguments) {
  if (count != 8) {
    fputs("usage: tpio issuer|callbacks FILE CHUNK IN_FLIGHT OPERATIONS SEED RESULT\n", stderr);
    return 2;
  }
  reissue = strcmp(arguments[1], "callbacks") == 0;
  chunk = (DWORD)strtoul(arguments[3], NULL, 10);
  LONG inFlight = strtol(arguments[4], NULL, 10);
  operations = strtol(arguments[5], NULL, 10);
  file = CreateFileA(arguments[2], GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                     OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
  if (file == INVALID_HANDLE_VALUE) fail("CreateFileA", GetLastError());
  if (!SetFileCompletionNotificationModes(file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)) {
    fail("SetFileCompletionNotificationModes", GetLastError());
  }
  io = CreateThreadpoolIo(file, completed, NULL, NULL);
  if (io == NULL) fail("CreateThreadpoolIo", GetLastError());
  LARGE_INTEGER size;
  GetFileSizeEx(file, &size);
  offsets = malloc(sizeof *offsets * (size_t)operations);
  choose((uint32_t)strtoul(arguments[6], NULL, 10), (uint64_t)size.QuadPart);

  wake = CreateEventA(NULL, FALSE, FALSE, NULL);
  completions = _aligned_malloc(sizeof *completions, MEMORY_ALLOCATION_ALIGNMENT);
  InitializeSListHead(completions);
  Place *places = _aligned_malloc(sizeof *places * (size_t)inFlight, MEMORY_ALLOCATION_ALIGNMENT);
  unsigned char *memory = VirtualAlloc(NULL, (SIZE_T)chunk * (SIZE_T)inFlight, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
  if (places == NULL || memory == NULL) fail("memory", GetLastError());
  for (LONG i = 0; i < inFlight; i++) places[i].buffer = memory + (SIZE_T)chunk * (SIZE_T)i;

  pass(places, inFlight);
  uint64_t busy = processor(), begin = nanoseconds();
  pass(places, inFlight);
  uint64_t elapsed = nanoseconds() - begin;
  busy = processor() - busy;

  WaitForThreadpoolIoCallbacks(io, FALSE);
  CloseHandle(file);
  CloseThreadpoolIo(io);
  FILE *result = fopen(arguments[7], "w");
  if (result == NULL) fail("RESULT", GetLastError());
  fprintf(result, "%llu %llu %lu\n", (unsigned long long)elapsed, (unsigned long long)busy, (unsigned long)(uint32_t)sum);
  return fclose(result);
}
