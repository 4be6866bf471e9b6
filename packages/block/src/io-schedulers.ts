/** The I/O scheduler seat's occupants. */
import { type SeatTable } from "@pageframe/contracts";
import { FifoScheduler } from "./fifo-scheduler.ts";
import { type IoScheduler } from "./io-scheduler.ts";
import { MqDeadlineScheduler } from "./mq-deadline.ts";

/** I/O schedulers by name, as in /sys/block/DEVICE/queue/scheduler; the first is the default. */
export const ioSchedulers: SeatTable<object, IoScheduler> = [
  { name: "none", describe: "requests as they come", create: () => new FifoScheduler() },
  {
    name: "mq-deadline",
    describe: "by sector, reads first, each within its deadline",
    create: () => new MqDeadlineScheduler(),
  },
];
