/** Block devices: backends, request queue with merging, cost models in virtual time. */
export {};
