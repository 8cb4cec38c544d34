import { join } from 'node:path';

/** Where `up` leaves the URL of its database, password included, for the owner of the home alone. */
export const databaseUrlFile = (home: string): string => join(home, 'database.url');
