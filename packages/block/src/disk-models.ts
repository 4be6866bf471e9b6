/** The cost-model seat's occupants. */
import { type SeatTable } from "@pageframe/contracts";
import { type DiskModel, type DiskModelConfig } from "./disk-model.ts";
import { FlashModel, NVME_PARAMETERS, SSD_PARAMETERS } from "./flash-model.ts";
import { HddModel } from "./hdd-model.ts";
import { InstantModel } from "./instant-model.ts";

/** Cost models by name; the first is the default. */
export const diskModels: SeatTable<DiskModelConfig, DiskModel> = [
  { name: "none", describe: "a device that takes no time", create: () => new InstantModel() },
  {
    name: "hdd",
    describe: "a 7200-rpm disk: seek, rotation, transfer",
    create: ({ nrSectors }) => new HddModel(nrSectors),
  },
  {
    name: "ssd",
    describe: "flash behind SATA: 8 channels, 32 commands at once",
    create: () => new FlashModel(SSD_PARAMETERS),
  },
  {
    name: "nvme",
    describe: "flash behind PCIe: 32 channels, 1023 commands at once",
    create: () => new FlashModel(NVME_PARAMETERS),
  },
];
