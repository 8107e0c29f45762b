/*
 * The completion relay: what a thread of the pool runs when an operation completes. It puts the completion on a list in memory
 * that JavaScript reads, and only the first one on an empty list wakes JavaScript. No headers, no imports: what it calls, it is
 * given the addresses of. `npm run build:native` builds it; src/internal/kernel/win32/relay.ts is the other side.
 *
 * The list is a stack of slots. `head` is ASLEEP, EMPTY (JavaScript is going to look again by itself), or the newest slot plus 1.
 * Threads push; JavaScript takes everything there is at once, and goes to sleep only from EMPTY. So there is no ABA, the list is
 * never full, and whoever finds ASLEEP wakes, and nobody else.
 *
 * Memory of a `struct relay` and of its records is never freed, and this library never unloaded: a completion that comes after
 * its JavaScript environment has ended is pushed like any other, and wakes nobody.
 */

typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef __UINTPTR_TYPE__ address;

enum { ASLEEP = 0, EMPTY = -1 };

/* Of a record. Only what is ARMED is pushed, so nothing can be on the list twice, whatever packets come. */
enum { IDLE = 0, ARMED = 1, PUSHED = 2 };

enum { RECORD_SIZE = 64, OVERLAPPED_SIZE = 32, VERSION = 1 };

/* The slot of an operation. JavaScript writes it before the overlapped call; `next` and what follows it is written here. */
struct record {
  unsigned char overlapped[OVERLAPPED_SIZE];
  u32 generation;
  u32 state;
  u64 object; /* the TP_IO, or the number, which is odd, of a handle that is bound without one */
  i32 next;
  u32 status;
  u32 bytes;
  i32 handle; /* a handle has 32 significant bits */
};

/* One for each JavaScript environment. Pointers are 64 bits wide on every machine, so that there is one layout. */
struct relay {
  i32 head;
  u32 strays; /* completions that no armed record of ours was waiting for */
  u32 stopped;
  u32 waking;  /* threads that are just waking JavaScript */
  u32 wakeups; /* how often that has been done */
  u32 slots;   /* records that there is memory for */
  u64 records;
  u64 next_relay;
  u64 function; /* a napi_threadsafe_function, or 0: `pump` itself is called, from any thread */
  u64 pump;     /* void (*)(void), JavaScript */
  u32 cancels;  /* whether the end of the environment cancels what is in flight */
  u32 patience; /* milliseconds that it waits, at most */
  u64 CancelIoEx;
  u64 Sleep;
  u64 napi_create_string_utf8;
  u64 napi_create_threadsafe_function;
  u64 napi_unref_threadsafe_function;
  u64 napi_call_threadsafe_function;
  u64 napi_add_env_cleanup_hook;
};

_Static_assert(sizeof(struct record) == RECORD_SIZE, "relay.ts counts on it");
_Static_assert(sizeof(struct relay) == 120, "relay.ts counts on it");

typedef void *napi_env;
typedef void *napi_value;
typedef int(__stdcall *cancel_io_ex)(void *, void *);
typedef void(__stdcall *sleep)(u32);
typedef void (*hook)(void *);
typedef void (*call_js)(napi_env, napi_value, void *, void *);
typedef int (*create_string)(napi_env, const char *, address, napi_value *);
typedef int (*create_function)(napi_env, napi_value, napi_value, napi_value, address, address, void *, void *, void *,
                               call_js, void **);
typedef int (*unref_function)(napi_env, void *);
typedef int (*call_function)(void *, void *, int);
typedef int (*add_hook)(napi_env, hook, void *);

#define IS_BINDING(object) ((object) & 1)
#define FUNCTION(type, relay, name) ((type)(address)(relay)->name)
#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define ADD(place, value) __atomic_fetch_add(&(place), (value), __ATOMIC_SEQ_CST)
#define SWAP(place, expected, value) \
  __atomic_compare_exchange_n(&(place), &(expected), (value), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* All that there are in this process: completions of handles that were bound without a TP_IO do not say whose they are. */
static struct relay *relays;

/* --- waking */

/* `stopped` is looked at behind `waking`, and set before `waking` is looked at: when stop() sees 0, nobody calls any more. */
static void wake(struct relay *relay) {
  ADD(relay->waking, 1);
  if (!LOAD(relay->stopped)) {
    ADD(relay->wakeups, 1);
    if (relay->function)
      FUNCTION(call_function, relay, napi_call_threadsafe_function)((void *)(address)relay->function, 0, 0);
    else
      ((void (*)(void))(address)relay->pump)();
  }
  ADD(relay->waking, -1);
}

/* On the JavaScript thread. Node calls it once more without an environment, when that has ended. */
static void woken(napi_env env, napi_value function, void *context, void *data) {
  (void)function, (void)data;
  if (env) ((void (*)(void))(address)((struct relay *)context)->pump)();
}

/* --- completions */

/* The record of an OVERLAPPED. An address that is not one of ours is never followed. */
static struct record *find(struct relay *relay, void *overlapped) {
  u64 offset = (u64)(address)overlapped - relay->records;
  return offset / RECORD_SIZE < LOAD(relay->slots) && offset % RECORD_SIZE == 0 ? overlapped : 0;
}

static void stray(struct relay *relay) {
  i32 asleep = ASLEEP;
  ADD(relay->strays, 1);
  if (SWAP(relay->head, asleep, EMPTY)) wake(relay);
}

static void push(struct relay *relay, struct record *record, u32 status, u32 bytes) {
  u32 armed = ARMED;
  i32 slot = (i32)(((u64)(address)record - relay->records) / RECORD_SIZE);
  i32 head;
  if (!SWAP(record->state, armed, PUSHED)) {
    stray(relay);
    return;
  }
  record->status = status;
  record->bytes = bytes;
  head = LOAD(relay->head);
  do
    record->next = head;
  while (!SWAP(relay->head, head, slot + 1));
  if (head == ASLEEP) wake(relay);
}

/* PTP_WIN32_IO_CALLBACK */
void __stdcall relay_completed(void *instance, void *context, void *overlapped, u32 result, address bytes, void *io) {
  struct relay *relay = context;
  struct record *record = find(relay, overlapped);
  (void)instance;
  if (record && record->object == (u64)(address)io)
    push(relay, record, result, (u32)bytes);
  else
    stray(relay);
}

/* LPOVERLAPPED_COMPLETION_ROUTINE */
void __stdcall relay_completed_bound(u32 status, u32 bytes, void *overlapped) {
  struct relay *relay = LOAD(relays);
  struct relay *last = relay;
  for (; relay; relay = (struct relay *)(address)relay->next_relay) {
    struct record *record = find(relay, overlapped);
    if (record && IS_BINDING(record->object)) {
      push(relay, record, status, bytes);
      return;
    }
    last = relay;
  }
  if (last) stray(last);
}

/* --- beginning and ending */

u32 relay_version(void) { return VERSION; }

static int settled(struct relay *relay) {
  struct record *records = (struct record *)(address)relay->records;
  u32 slot;
  if (LOAD(relay->waking)) return 0;
  if (relay->cancels)
    for (slot = 0; slot < relay->slots; slot++)
      if (LOAD(records[slot].state) == ARMED) return 0;
  return 1;
}

/*
 * JavaScript runs no more: nobody wakes it any more. A worker, which the process outlives, cancels what it has left in flight, so
 * that it takes no more bytes from anybody, and gives that a moment. What does not end is left as it is.
 */
void relay_stop(struct relay *relay) {
  struct record *records = (struct record *)(address)relay->records;
  u32 slot, waited;
  __atomic_store_n(&relay->stopped, 1, __ATOMIC_SEQ_CST);
  if (relay->cancels)
    for (slot = 0; slot < relay->slots; slot++)
      if (LOAD(records[slot].state) == ARMED)
        FUNCTION(cancel_io_ex, relay, CancelIoEx)((void *)(address)(long long)records[slot].handle, &records[slot]);
  for (waited = 0; waited < relay->patience && !settled(relay); waited++) FUNCTION(sleep, relay, Sleep)(1);
}

/*
 * On the JavaScript thread. All of it in one call: a napi_value does not outlive the call that it was made in. The hook comes
 * last, because hooks run in reverse: it runs while the threadsafe function is still there. Answers a napi_status.
 */
int relay_open(struct relay *relay, napi_env env) {
  static const char name[] = "effect-threadpool-io";
  napi_value resource;
  void *function = 0;
  struct relay *next;
  int status = 0;
  if (relay->napi_create_threadsafe_function) {
    status = FUNCTION(create_string, relay, napi_create_string_utf8)(env, name, sizeof name - 1, &resource);
    if (status) return status;
    status = FUNCTION(create_function, relay, napi_create_threadsafe_function)(env, 0, 0, resource, 0, 1, 0, 0, relay,
                                                                             woken, &function);
    if (status) return status;
    /* An operation in flight keeps the process alive, this does not. */
    status = FUNCTION(unref_function, relay, napi_unref_threadsafe_function)(env, function);
    if (status) return status;
  }
  relay->function = (u64)(address)function;
  if (relay->napi_add_env_cleanup_hook) {
    status = FUNCTION(add_hook, relay, napi_add_env_cleanup_hook)(env, (hook)relay_stop, relay);
    if (status) return status;
  }
  next = LOAD(relays);
  do
    relay->next_relay = (u64)(address)next;
  while (!SWAP(relays, next, relay));
  return 0;
}
